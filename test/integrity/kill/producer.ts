import { appendFileSync } from 'node:fs'
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import WebSocket from 'ws'
import { eventText, eventTexts, random } from './events.ts'

/**
 * A producer process with a ledger of its own: what it sent and what was acknowledged, one JSON line each time a count
 * grows. It resumes by the rules of PROTOCOL 5 while the gateway is killed under it, and ends once it was told to finish
 * and everything that it sent is acknowledged.
 */

const [port, ledger, seed] = [Number(process.argv[2]), process.argv[3]!, Number(process.argv[4])]
let finishing = false
process.on('message', message => {
  if (message === 'finish') finishing = true
})

const note = (stream: string, acked: number, sent: number) =>
  appendFileSync(ledger, `${JSON.stringify({ stream, acked, sent })}\n`)
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

function ask(method: string, path: string, headers: Record<string, string>, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: '127.0.0.1', method, path, headers, timeout: 15_000 }, response => {
      let text = ''
      response.on('data', data => {
        text += data
      })
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }))
      response.on('error', reject)
    })
    call.on('error', reject)
    call.on('timeout', () => call.destroy(new Error('timeout')))
    call.end(body)
  })
}

async function countOf(stream: string): Promise<number> {
  for (;;) {
    try {
      const { status, headers } = await ask('HEAD', `/v1/streams/${encodeURIComponent(stream)}`, {})
      if (status === 404) return 0
      if (status === 200) return Number(headers['millrace-count'])
    } catch {
      // down at this moment
    }
    await sleep(20)
  }
}

/** One keyed stream over POST, each body with its offset. */
async function overPost(stream: string, rnd: () => number): Promise<void> {
  let acked = 0
  while (!finishing) {
    const n = 1 + Math.floor(rnd() ** 3 * 500)
    const text = eventTexts(stream, acked, n)
    const zip = rnd() < 0.2
    note(stream, acked, acked + n)
    try {
      const headers = {
        'millrace-stream': stream,
        'millrace-offset': String(acked),
        ...(zip ? { 'content-encoding': 'gzip' } : {}),
      }
      const { status, body } = await ask('POST', '/v1/events', headers, zip ? gzipSync(text) : text)
      if (status !== 200) throw new Error(`${status} ${body}`)
      const { count } = JSON.parse(body) as { count: number }
      if (count !== acked + n) throw new Error(`count ${count}, expected ${acked + n}`)
      acked = count
    } catch {
      const count = await countOf(stream)
      if (count < acked) throw new Error(`${stream}: the count fell from ${acked} to ${count}`)
      acked = count
    }
    note(stream, acked, acked)
  }
}

/** One keyed stream over millrace.v1, resumed at the count that `open` tells. */
async function overV1(stream: string, rnd: () => number): Promise<void> {
  let acked = 0
  let sent = 0
  while (!finishing || acked < sent) {
    await new Promise<void>(resolve => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/?stream=${encodeURIComponent(stream)}`, 'millrace.v1')
      let next = -1
      const fill = () => {
        if (next < 0) return
        while (!finishing && next - acked < 3000) {
          const n = 1 + Math.floor(rnd() * 300)
          next += n
          sent = Math.max(sent, next)
          note(stream, acked, sent)
          ws.send(eventTexts(stream, next - n, n))
        }
        if (!finishing) return
        // an earlier connection may have sent more
        if (next < sent) ws.send(eventTexts(stream, next, sent - next))
        next = Math.max(next, sent)
        if (acked >= sent) ws.close(1000)
      }
      ws.on('message', data => {
        const frame = JSON.parse(String(data)) as { type: string; count: number; message?: string }
        if (frame.type === 'error') return
        if (frame.count < acked) throw new Error(`${stream}: the count fell from ${acked} to ${frame.count}`)
        acked = frame.count
        if (frame.type === 'open') next = acked
        note(stream, acked, sent)
        fill()
      })
      ws.on('error', () => {})
      ws.on('close', () => resolve())
    })
    await sleep(20)
  }
}

/** The plain protocol knows no resuming: each socket is a stream of its own. */
async function overPlain(name: string, rnd: () => number): Promise<void> {
  for (let socket = 0; !finishing; socket++) {
    const stream = `${name}/${socket}`
    await new Promise<void>(resolve => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/?stream=${encodeURIComponent(stream)}`)
      let sent = 0
      let acked = 0
      const fill = () => {
        const n = 1 + Math.floor(rnd() * 600)
        note(stream, acked, sent + n)
        for (let i = 0; i < n; i++) ws.send(eventText(stream, sent++), { binary: rnd() < 0.5 })
      }
      ws.on('open', fill)
      ws.on('message', data => {
        const count = Number(String(data))
        if (!(count > acked && count <= sent)) throw new Error(`${stream}: count ${count} after ${acked}, sent ${sent}`)
        acked = count
        note(stream, acked, sent)
        if (acked < sent) return
        if (finishing || rnd() < 0.02) ws.send(Buffer.alloc(0))
        else fill()
      })
      ws.on('error', () => {})
      ws.on('close', () => resolve())
    })
    await sleep(20)
  }
}

const each = [0, 1].flatMap(i => [
  overPost(`post ${seed}.${i}`, random(seed + i)),
  overV1(`v1 ${seed}.${i}`, random(seed + 10 + i)),
  overPlain(`plain ${seed}.${i}`, random(seed + 20 + i)),
])
await Promise.all(each)
process.disconnect()
