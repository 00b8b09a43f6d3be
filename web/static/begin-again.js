// A network that changes, or a proxy that restarts, may lose a script while the page begins: nothing would ever be shown.
// Then it is loaded once more, and not more often than every 10 seconds.
addEventListener('unhandledrejection', (event) => {
  if (!/dynamically imported module|module script/i.test(String(event.reason?.message))) return
  // what has begun tells of its own problems
  if (document.querySelector('h1, main')) return
  try {
    if (Date.now() - Number(sessionStorage.getItem('began-again')) < 10_000) return
    sessionStorage.setItem('began-again', String(Date.now()))
  } catch {
    // storage is shut off: whoever looks reloads by hand
    return
  }
  event.preventDefault()
  location.reload()
})
