import { request } from 'node:http'
import { connect } from 'node:net'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  bytes: Buffer
  json(): Record<string, unknown>
}

/** One request over node:http, which sends what it is told (a Host, a foreign Origin). */
export function ask(
  url: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const text = bytes.toString()
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: text,
          bytes,
          json: () => JSON.parse(text) as Record<string, unknown>,
        })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

export const post = (url: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  ask(url, { method: 'POST', headers, body })

/** Writes raw bytes and reads until the server closes, or `enough` says so. */
export function raw(
  url: string,
  chunks: readonly (string | Buffer)[],
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(port), hostname, async () => {
      for (const chunk of chunks) {
        socket.write(chunk)
        await new Promise(next => setTimeout(next, 5))
      }
    })
    socket.on('data', data => {
      text += data
      if (enough(text)) socket.destroy()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', error => (text === '' ? reject(error) : resolve(text)))
  })
}
