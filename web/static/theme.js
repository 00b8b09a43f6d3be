// Runs before the first paint, so that a theme chosen earlier shows without a flash.
// mode-watcher reads and writes the same key, and sets the same class.
;(function () {
  let mode = null
  try {
    mode = localStorage.getItem('mode-watcher-mode')
  } catch {
    // storage is shut off: follow the system
  }
  const dark = mode === 'dark' || (mode !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.classList.toggle('dark', dark)
})()
