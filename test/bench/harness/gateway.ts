import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { note } from './benchmark.ts'
import { gatewayBin } from './bin.ts'
import { own, residentBytes } from './processes.ts'

/** how long a stopping gateway may drain before it is killed: its own grace period and a little */
const stopMilliseconds = 15_000

export interface Gateway {
  url: string
  port: number
  grpcPort: number
  pid: number
  /** the SQLite file */
  store: string
  /** resident bytes now */
  rss(): number
  /** events per commit so far, or undefined where /metrics does not tell */
  commitSize(): Promise<number | undefined>
  stop(): Promise<void>
}

export interface GatewayOptions {
  /** where the store and the log go */
  dir: string
  /** further arguments of `serve` */
  args?: string[]
}

/** Resolves when the gateway has printed its address; its log is `gateway.log` in `dir`. */
export async function startGateway({ dir, args = [] }: GatewayOptions): Promise<Gateway> {
  const store = join(dir, 'bench.db')
  const log = join(dir, 'gateway.log')
  const child = spawn(
    process.execPath,
    [gatewayBin(), 'serve', '--store', `sqlite:${store}`, '--host', '127.0.0.1', '--port', '0', ...args],
    { stdio: ['ignore', 'pipe', openSync(log, 'a')] },
  )
  own(child)
  const exited = once(child, 'exit')
  const [url, grpcUrl] = await addresses(createInterface({ input: child.stdout! }))
  if (!url || !grpcUrl) throw new Error(`the gateway ended before it listened:\n${readFileSync(log, 'utf8')}`)
  child.stdout!.resume()
  return {
    url,
    port: Number(new URL(url).port),
    grpcPort: Number(new URL(grpcUrl).port),
    pid: child.pid!,
    store,
    rss: () => residentBytes(child.pid!),
    commitSize: () => commitSize(url),
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(() => {
        note(`the gateway did not stop within ${stopMilliseconds} ms: killed`)
        child.kill('SIGKILL')
      }, stopMilliseconds)
      await exited
      clearTimeout(late)
    },
  }
}

/** Of HTTP and of gRPC, which are printed first. */
async function addresses(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const line of lines) {
    const url = /https?:\/\/[^\s"]+/.exec(line)
    if (url && found.push(url[0]) === 2) break
  }
  return found
}

async function commitSize(url: string): Promise<number | undefined> {
  const answer = await fetch(`${url}/metrics`)
  const text = await answer.text()
  const read = (name: string) => new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]
  const commits = Number(read('millrace_store_commits_total'))
  const events = Number(read('millrace_store_events_total'))
  return commits > 0 ? events / commits : undefined
}
