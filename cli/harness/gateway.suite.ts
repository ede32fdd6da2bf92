import { once } from 'node:events'
import { join } from 'node:path'
import { start } from './command.suite.ts'

/** A real gateway in a process of its own, on free ports, with its store in `folder`. */
export async function startGateway(folder: string, args: readonly string[] = []) {
  const store = `sqlite:${join(folder, 'events.db')}`
  const { child, ended } = start(['serve', '--port', '0', '--grpc-port', '0', '--store', store, ...args])
  let first = ''
  for (;;) {
    const [chunk] = await Promise.race([once(child.stdout, 'data'), ended.then(failed)])
    first += String(chunk)
    const url = /listening on (http:\S+)\n/.exec(first)?.[1]
    if (url === undefined) continue
    return {
      url,
      port: Number(new URL(url).port),
      store,
      async stop(signal: NodeJS.Signals = 'SIGTERM') {
        child.kill(signal)
        await ended
      },
    }
  }
}

function failed({ stderr }: { stderr: string }): never {
  throw new Error(`the gateway ended before it listened: ${stderr}`)
}

export type RunningGateway = Awaited<ReturnType<typeof startGateway>>

/** The payloads of a stream, as they are stored. */
export async function payloadsOf(url: string, stream: string): Promise<string[]> {
  const payloads: string[] = []
  for (;;) {
    const path = `/v1/streams/${encodeURIComponent(stream)}/events?from=${payloads.length}&limit=10000`
    const lines = (await (await fetch(url + path)).text()).split('\n').slice(0, -1)
    if (lines.length === 0) return payloads
    payloads.push(...lines)
  }
}
