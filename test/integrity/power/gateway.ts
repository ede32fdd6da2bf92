import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { header } from '../../../core/protocol.ts'
import type { Ack, Subject } from './subject.ts'

const bin = fileURLToPath(new URL('../../../bin/millrace.js', import.meta.url))

/** `millrace serve` over SQLite; its acks are the replies to POSTs. */
export function createGateway(durability: 'full' | 'relaxed'): Subject {
  return {
    database: 'events.db',
    args(dir) {
      const ports = ['--port', '0', '--grpc-port', '0']
      return [bin, 'serve', ...ports, '--store', `sqlite:${dir}/events.db`, '--durability', durability]
    },
    async connect({ stdout, terminate }) {
      const url = await listeningUrl(stdout)
      async function post(headers: Record<string, string>, body: string): Promise<number> {
        const response = await fetch(`${url}/v1/events`, { method: 'POST', headers, body })
        if (response.status !== 200) throw new Error(`gateway: ${response.status}: ${await response.text()}`)
        return ((await response.json()) as Ack).count
      }
      return {
        // not HEAD: the reply to an empty POST names the stream, so that the count it recovered is judged as an ack too
        count: stream => post({ [header.stream]: stream }, ''),
        append: (stream, offset, payloads) =>
          post({ [header.stream]: stream, [header.offset]: String(offset) }, payloads.join('\n')),
        stop: terminate,
      }
    },
    acks({ bytes }) {
      const reply = /^HTTP\/1\.1 .*?\r\n\r\n.*?(\{.*\})/s.exec(bytes.toString('latin1'))
      const { stream, count } = reply === null ? {} : (JSON.parse(reply[1]!) as Partial<Ack>)
      return typeof stream === 'string' && count !== undefined ? [{ stream, count }] : []
    },
  }
}

/** `millrace: listening on http://127.0.0.1:41234` on stdout. */
function listeningUrl(stdout: Readable): Promise<string> {
  return new Promise(resolve => {
    createInterface({ input: stdout }).on('line', line => {
      const url = /listening on (\S+)/.exec(line)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
}
