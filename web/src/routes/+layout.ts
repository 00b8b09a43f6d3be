// A single-page app: the server only answers /api.
export const ssr = false
