// Preloaded into every process we start (`node --import`): asks it to end when its parent is gone, even by `kill -9`.
const parent = process.ppid
const watch = setInterval(() => {
  if (process.ppid === parent) return
  clearInterval(watch)
  process.kill(process.pid, 'SIGTERM')
}, 1000).unref()
