import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bin, type RunningGateway, startGateway, tempDir } from '../../../test/support/gateway.ts'
import type { Case } from '../case/case.ts'
import { pause } from './deadline.ts'

const run = promisify(execFile)

export type TestGateway = Awaited<ReturnType<typeof createGateway>>

/** A gateway that can be killed and started again on the same store, and be asked what it has. */
export async function createGateway(
  limits: NonNullable<Case['setup']['gateway']> = {},
  tokens: Case['setup']['tokens'] = {},
) {
  const folder = tempDir()
  const store = `sqlite:${join(folder.path, 'events.db')}`
  const config = join(folder.path, 'millrace.yaml')
  writeFileSync(config, JSON.stringify({ store, gateway: { limits, grace: '1s' } }))
  const secrets = new Map<string, string>()
  let running: RunningGateway | undefined

  await start()
  // the store is there only once a gateway has run; each token counts before the case begins
  if (Object.keys(tokens).length > 0) await create('conformance', 'read,admin,ingest')
  for (const [name, { scope, events_per_second }] of Object.entries(tokens))
    await create(name, scope, events_per_second)

  async function create(name: string, scope: string, perSecond?: number): Promise<void> {
    const limit = perSecond === undefined ? [] : ['--events-per-second', String(perSecond)]
    const { stdout } = await command('create', name, '--scope', scope, ...limit)
    secrets.set(name, stdout.trim().split('\n').at(-1)!)
    // 'x' is nobody's token: where it is refused, tokens are asked for
    while ((await statusFor('x'.repeat(20))) !== 401 || (await statusFor(secrets.get(name)!)) === 401) await pause(50)
  }

  async function statusFor(secret: string): Promise<number> {
    const headers = { authorization: `Bearer ${secret}` }
    return (await fetch(`${running!.url}/v1/streams/any`, { method: 'HEAD', headers })).status
  }

  /** Resolves once the gateway knows. */
  async function revoke(name: string): Promise<void> {
    await command('revoke', name)
    while ((await statusFor(secrets.get(name)!)) !== 401) await pause(50)
  }

  function command(...args: string[]): Promise<{ stdout: string }> {
    return run(process.execPath, [bin, 'token', ...args, '--store', store])
  }

  async function start(): Promise<string> {
    running = await startGateway(['--config', config, '--port', '0', '--log-level', 'error'])
    return running.url
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    await running?.end(signal)
    running = undefined
  }

  /** Past the proxy. */
  function ask(path: string, init: RequestInit = {}): Promise<Response> {
    if (running === undefined) throw new Error('the gateway is down: start it before it is asked')
    const secret = secrets.get('conformance')
    const headers = { ...init.headers, ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }) }
    return fetch(running.url + path, { ...init, headers })
  }

  return {
    url: () => running?.url,
    start,
    end,
    ask,
    create,
    revoke,
    secret: (name: string) => secrets.get(name),
    log: () => running?.log() ?? '',
    async remove() {
      await end('SIGKILL')
      folder.remove()
    },
  }
}
