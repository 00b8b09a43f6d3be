// The API as its own types describe it: a wrong path, field or value does not compile.
import type { Api } from 'functions/api'
import { hc } from 'hono/client'

export const client = hc<Api>('/')
