// Preloaded into every process we start (`node --import`): asks it to end when its parent is gone, even by `kill -9`.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
}, 1000).unref()
