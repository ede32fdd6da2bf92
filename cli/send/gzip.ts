import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

const compress = promisify(gzip)

/** `fetch` with its body compressed. */
export const gzipFetch: typeof fetch = async (url, init = {}) => {
  const bytes = Buffer.from(await new Response(init.body).arrayBuffer())
  if (bytes.length === 0) return fetch(url, init)
  const headers = new Headers(init.headers)
  headers.set('content-encoding', 'gzip')
  return fetch(url, { ...init, headers, body: await compress(bytes) })
}
