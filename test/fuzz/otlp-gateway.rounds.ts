import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seeded } from '../bench/load/events.ts'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { createStore, type StoreKind } from '../support/stores.ts'
import { limit } from './otlp-gateway.http.ts'
import { openStored, type Told } from './otlp-gateway.stored.ts'
import type { Random } from './otlp-requests.damage.ts'

export const seed = Number(process.env.MILLRACE_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 20))
/** run this case alone */
const only = process.env.MILLRACE_FUZZ_CASE === undefined ? undefined : Number(process.env.MILLRACE_FUZZ_CASE)
/** cases of one gateway: then a fresh store */
const round = 10_000
/** cases at once */
const lanes = 4
/** of the gateway; bodies are at most `limit` bytes */
const mostMegabytes = 600

export interface Client {
  /** Makes a case and sends it to the stream; gives what the answer said is stored, undefined: nothing. */
  run(stream: string, rnd: Random): Promise<Told | undefined>
  close(): void
}

/** Runs cases against gateways of their own processes; at the end the tables must hold what was told, and nothing else. */
export async function fuzzGateway(
  over: StoreKind,
  cases: number,
  connect: (gateway: RunningGateway) => Client,
): Promise<string> {
  const tally = { cases, taken: 0, megabytes: 0 }
  const [first, end] = only === undefined ? [0, cases] : [only, only + 1]
  for (let from = first; from < end; from += round)
    await oneRound(over, from, Math.min(end, from + round), connect, tally)
  return JSON.stringify(tally)
}

async function oneRound(
  over: StoreKind,
  from: number,
  end: number,
  connect: (gateway: RunningGateway) => Client,
  tally: { taken: number; megabytes: number },
): Promise<void> {
  const dir = tempDir()
  const config = join(dir.path, 'millrace.yaml')
  const store = await createStore(over, dir.path)
  writeFileSync(config, `gateway: { limits: { body: ${limit} } }\n`)
  const args = ['--store', store.url, '--port', '0', '--config', config, '--log-level', 'warn']
  const gateway = await startGateway(args)
  const client = connect(gateway)
  try {
    const told = new Map<string, Told>()
    let next = from
    const lane = async () => {
      while (next < end) {
        const one = await run(client, next++)
        told.set(one.stream, one)
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    client.close()
    assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200)
    const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${gateway.pid}/status`, 'latin1'))?.[1])
    tally.megabytes = Math.max(tally.megabytes, Math.round(peak / 1024))
    assert.ok(tally.megabytes < mostMegabytes, `the gateway took ${tally.megabytes} MB`)
    assert.equal(await gateway.end(), 0)
    assert.equal(gateway.log(), '', 'nothing of this is worth a warning')
    judge(await store.file(), told)
    for (const { count } of told.values()) if (count > 0) tally.taken++
  } finally {
    client.close()
    gateway.child.kill('SIGKILL')
    await store.drop()
    dir.remove()
  }
}

async function run(client: Client, k: number): Promise<Told> {
  const stream = `case-${k}`
  try {
    return (await client.run(stream, seeded(seed * 1_000_003 + k))) ?? { stream, count: 0 }
  } catch (error) {
    throw new Error(`case ${k}: MILLRACE_FUZZ_SEED=${seed} MILLRACE_FUZZ_CASE=${k}`, { cause: error })
  }
}

function judge(file: string, told: Map<string, Told>): void {
  const stored = openStored(file)
  try {
    for (const one of told.values()) stored.check(one)
    stored.checkRest()
  } finally {
    stored.close()
  }
}
