import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type RunningGateway, startGateway, tempDir } from '../../support/gateway.ts'
import { shuffled } from '../clients/faults.ts'
import { judge as judgeStore } from '../clients/judge.ts'
import { lanesOf } from '../clients/lanes.ts'
import { type Producer, startProducer, tsCommand } from '../clients/producers.ts'
import { random } from '../kill/events.ts'
import { type MedianAndWorst, medianAndWorst, within } from '../timing.ts'
import { createFaults, type Faults } from './faults.ts'
import { startPipeline } from './pipeline-process.ts'
import type { Scenario } from './scenarios.ts'
import { type Subject, startSubject } from './subject.ts'

export interface PipelinesRunOptions {
  scenario: Scenario
  /** of all producers together */
  events: number
  /** 1 to 4, default 4 */
  producers?: number
  /** of the pipeline's process, with SIGKILL */
  kills: number
  /** of the gateway, with SIGKILL */
  gatewayKills: number
  /** of the pipeline's process, with SIGSTOP for longer than a checkpoint may take. Default 0 */
  pauses?: number
  seed: number
  /** keeps the folder where something was wrong, and names it. Default false */
  keep?: boolean
  onProgress?: (text: string) => void
}

export interface PipelinesRun {
  /** what is wrong; empty where every promise was kept */
  violations: string[]
  /** `send` of a client took them */
  acked: number
  stored: number
  kills: number
  gatewayKills: number
  /** attempts that a process began anew by itself */
  restarts: number
  /** epochs that were read again */
  replayed: number
  /** from the start of a process to its first new epoch, milliseconds */
  recovery: MedianAndWorst
  seconds: number
}

/** seconds between checkpoints, and how long one may take */
const settings = { checkpoint_interval_sec: 0.1, checkpoint_timeout_sec: 3, record_batch_interval_ms: 20 }
/** milliseconds that the clients have for the rest, and a pipeline for its end, once the last fault is over */
const patience = 120_000
/** While a fault is made, a producer gets this part of what is left of its share in each step. */
const part = 0.02
const stepMs = 25

/**
 * Clients with a spool and a ledger send to a gateway, and a pipeline follows it, while both are killed in seeded order.
 * In the end the pipeline runs once more as a job, which reads all that is there; then the store is compared with the
 * ledgers, and what came out of the pipeline with the store.
 */
export async function pipelinesRun(options: PipelinesRunOptions): Promise<PipelinesRun> {
  const { scenario, events, producers: count = 4, kills, gatewayKills, pauses = 0, seed, keep = false } = options
  const begun = performance.now()
  const rnd = random(seed)
  const dir = tempDir()
  const store = join(dir.path, 'events.db')
  const producers: Producer[] = []
  let first: RunningGateway | undefined
  let faults: Faults | undefined
  let subject: Subject | undefined
  let wrong = true
  try {
    writeFileSync(join(dir.path, 'pipeline.yaml'), scenario.pipeline)
    const gatewayArgs = ['--store', `sqlite:${store}`, '--port', String(await freePort()), '--log-level', 'error']
    first = await startGateway(gatewayArgs)
    const share = Math.floor(events / count)
    const lanes = lanesOf(['ts'], dir.path, first.url, share).slice(-count)
    for (const lane of lanes) producers.push(startProducer(lane, { ts: tsCommand, go: [''] }))
    subject = startSubject({ dir: dir.path, settings })
    const failure = Promise.race([subject.failure, ...producers.map(one => one.failure)])

    const interval = settings.checkpoint_interval_sec * 1000
    faults = createFaults({ subject, gateway: first, gatewayArgs, dir: dir.path, settings, interval, rnd })
    const order = shuffled({ kill: kills, gateway: gatewayKills, pause: pauses }, rnd)
    for (const [k, fault] of order.entries()) {
      const pouring = pour(producers, (share * k) / (order.length + 1), (share * (k + 1)) / (order.length + 1))
      await Promise.race([faults.make(fault), failure]).finally(pouring.end)
      options.onProgress?.(`${k + 1} of ${order.length} faults: ${fault}`)
    }
    await Promise.race([faults.settled(), failure])
    for (const one of producers) one.allow(share)
    await within(patience, 'the clients', Promise.race([Promise.all(producers.map(one => one.done)), failure]))

    await subject.stop()
    const last = startPipeline({ dir: dir.path, args: ['--job-mode'], settings })
    const code = await within(patience, 'the pipeline', last.exited).finally(() => last.end('SIGKILL'))
    const exit = await faults.gateway().end()
    const log = subject.log() + last.log()
    const restarts = log.split('\n').filter(line => line.includes('starts again from the last checkpoint'))
    for (const line of restarts) options.onProgress?.(line)

    const { violations, accepted, stored } = judgeStore(store, lanes)
    if (code === 0) violations.push(...(await scenario.judge(dir.path)))
    else violations.push(`the pipeline as a job ended with ${code}: ${last.log()}`)
    if (exit !== 0) violations.push(`the gateway ended with ${exit} after SIGTERM`)
    violations.push(...faults.violations)
    wrong = violations.length > 0
    return {
      violations,
      acked: accepted,
      stored,
      kills,
      gatewayKills,
      restarts: restarts.length,
      replayed: log.split(' is read again').length - 1,
      recovery: medianAndWorst(faults.recoveries),
      seconds: Math.round((performance.now() - begun) / 1000),
    }
  } finally {
    for (const one of producers) one.abandon()
    await subject?.stop()
    await faults?.settled().catch(() => {})
    ;(faults?.gateway() ?? first)?.child.kill('SIGKILL')
    if (!wrong || !keep) dir.remove()
    else {
      writeFileSync(join(dir.path, 'pipeline.log'), subject?.log() ?? '')
      options.onProgress?.(`something is wrong; what lies there is kept in ${dir.path}`)
    }
  }
}

/** Lets the producers send from one of their events on, more and more slowly towards another. */
function pour(producers: readonly Producer[], from: number, to: number): { end(): void } {
  let at = from
  const timer = setInterval(() => {
    at += (to - at) * part
    for (const one of producers) one.allow(Math.ceil(at))
  }, stepMs)
  return { end: () => clearInterval(timer) }
}
