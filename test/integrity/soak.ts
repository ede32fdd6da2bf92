import { parseArgs } from 'node:util'
import { type StoreKind, storeKinds } from '../support/stores.ts'
import { clientsRun } from './clients/run.ts'
import { killRun } from './kill/run.ts'
import { pipelinesRun } from './pipelines/run.ts'
import { lakeScenario, serviceScenario } from './pipelines/scenarios.ts'

/**
 * `npm run soak -- --kills 1000 --seed 1`: the long form of ack-means-stored, or with `--otlp` of otlp-ack-means-stored.
 * `npm run soak -- --clients --events 1000000 --kills 200 --cuts 200 --client-kills 40 --seed 1`: of clients-lose-nothing.
 * `npm run soak -- --pipelines --events 1000000 --kills 200 --gateway-kills 20 --pauses 10 --seed 1`: of
 * pipelines-lose-nothing, or with `--service` of its second part.
 * `--store postgres`: the gateway's store, but for `--pipelines`.
 * Ends with 1 at the first broken promise.
 */

const { values } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string', default: '1' },
    otlp: { type: 'boolean', default: false },
    clients: { type: 'boolean', default: false },
    events: { type: 'string', default: '1000000' },
    cuts: { type: 'string', default: '200' },
    'client-kills': { type: 'string', default: '40' },
    pipelines: { type: 'boolean', default: false },
    service: { type: 'boolean', default: false },
    store: { type: 'string', default: 'sqlite' },
    'gateway-kills': { type: 'string', default: '20' },
    pauses: { type: 'string', default: '10' },
  },
})
const over = overOf(values.store)
if (values.pipelines && over !== 'sqlite') throw new Error('--pipelines knows no --store')
if (values.clients) await soakClients()
else if (values.pipelines) await soakPipelines()
else await soakGateway()

async function soakClients(): Promise<void> {
  tell(
    await clientsRun({
      events: Number(values.events),
      kills: Number(values.kills ?? 200),
      cuts: Number(values.cuts),
      clientKills: Number(values['client-kills']),
      seed: Number(values.seed),
      over,
      keep: true,
      onProgress,
    }),
  )
}

async function soakPipelines(): Promise<void> {
  const seed = Number(values.seed)
  const scenario = values.service ? await serviceScenario(seed) : lakeScenario()
  const result = await pipelinesRun({
    scenario,
    events: Number(values.events),
    kills: Number(values.kills ?? 200),
    gatewayKills: Number(values['gateway-kills']),
    pauses: Number(values.pauses),
    seed,
    keep: true,
    onProgress,
  }).finally(() => scenario.close())
  tell(result)
}

function overOf(name: string): StoreKind {
  const kind = storeKinds.find(known => known === name)
  if (kind === undefined) throw new Error(`--store ${name} is none of ${storeKinds.join(', ')}`)
  return kind
}

function onProgress(text: string): void {
  process.stderr.write(`${text}\n`)
}

function tell({ violations, ...figures }: { violations: string[] }): void {
  for (const violation of violations) process.stderr.write(`${violation}\n`)
  process.stdout.write(`${JSON.stringify({ seed: Number(values.seed), ...figures, violations: violations.length })}\n`)
  if (violations.length > 0) process.exit(1)
}

async function soakGateway(): Promise<void> {
  let left = Number(values.kills ?? 1000)
  let seed = Number(values.seed)
  const total = { kills: 0, acked: 0, stored: 0, streams: 0, seconds: 0, worstRecoveryMs: 0 }
  // a fresh store now and then: a soak of one ever larger file tests mostly the disk
  while (left > 0) {
    const kills = Math.min(left, 100)
    const result = await killRun({ kills, seed, kind: values.otlp ? 'otlp' : 'events', over })
    total.kills += kills
    total.acked += result.acked
    total.stored += result.stored
    total.streams += result.streams
    total.seconds += result.seconds
    total.worstRecoveryMs = Math.max(total.worstRecoveryMs, result.recovery.worst)
    process.stderr.write(`seed ${seed}: ${JSON.stringify(result)}\n`)
    if (result.violations.length > 0) process.exit(1)
    left -= kills
    seed++
  }
  process.stdout.write(`${JSON.stringify(total)}\n`)
}
