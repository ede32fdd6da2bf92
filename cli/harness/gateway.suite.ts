import { once } from 'node:events'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { start, temporaryFolder } from './command.suite.ts'

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

/** One gateway for all tests of a file, with its folder; `prepare` runs once it is there, before the tests. */
export function gatewayOfFile(prepare = async () => {}): RunningGateway & { folder: string } {
  const folder = temporaryFolder()
  const gateway = { folder: folder.path } as RunningGateway & { folder: string }
  before(async () => {
    Object.assign(gateway, await startGateway(folder.path))
    await prepare()
  })
  after(async () => {
    await gateway.stop()
    folder.remove()
  })
  return gateway
}

/** The payloads of a stream, as they are stored; none where it has not begun. */
export async function payloadsOf(url: string, stream: string): Promise<string[]> {
  const payloads: string[] = []
  for (let [from, count] = [0, 1]; from < count; ) {
    const page = await fetch(`${url}/v1/streams/${encodeURIComponent(stream)}/events?from=${from}&limit=10000`)
    if (page.status === 404) break
    payloads.push(...(await page.text()).split('\n').slice(0, -1))
    from = Number(page.headers.get('millrace-next'))
    count = Number(page.headers.get('millrace-count'))
  }
  return payloads
}
