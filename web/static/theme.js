// Runs before the first paint, so that a theme chosen earlier shows without a flash.
// mode-watcher (src/lib/theme.svelte.ts) reads and writes the same key.
;(function () {
  let mode = null
  try {
    mode = localStorage.getItem('mode-watcher-mode')
  } catch {
    // storage is shut off: follow the system
  }
  const dark = mode === 'dark' || (mode !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  const root = document.documentElement
  root.dataset.theme = dark ? 'dark' : 'light'
  root.classList.toggle('dark', dark)
})()
