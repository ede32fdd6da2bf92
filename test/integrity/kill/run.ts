import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, type RunningGateway, startGateway, tempDir } from '../../support/gateway.ts'
import { ask } from '../../support/http.ts'
import { createStore, type StoreKind } from '../../support/stores.ts'
import { type MedianAndWorst, medianAndWorst, within } from '../timing.ts'
import { random } from './events.ts'
import { judge, type Verdict } from './judge.ts'
import { judge as judgeOtlp } from './otlp/judge.ts'

export interface KillRun extends Verdict {
  kills: number
  seconds: number
  /** time from the start of a killed gateway to listening again, ms: median and worst */
  recovery: MedianAndWorst
}

/** What is sent, and how the store is judged. */
const kinds = {
  events: { producer: './producer.ts', judge: (file: string, ledger: string) => judge(file, [ledger]) },
  otlp: { producer: './otlp/producer.ts', judge: judgeOtlp },
}

/** The last life of the gateway stores so many at least, so that a run proves something on a slow machine too. */
const lastEvents = 2000
/** for each step that waits for the producer, ms */
const patience = 60_000

/** Kills a real gateway with SIGKILL at seeded random moments while a producer process sends and resumes. */
export async function killRun({
  kills,
  seed,
  kind = 'events',
  over = 'sqlite',
  onProgress = () => {},
}: {
  kills: number
  seed: number
  kind?: keyof typeof kinds
  /** Default sqlite */
  over?: StoreKind
  onProgress?: (done: number) => void
}): Promise<KillRun> {
  const dir = tempDir()
  const store = await createStore(over, dir.path)
  const ledger = join(dir.path, 'ledger.ndjson')
  const port = await freePort()
  const grpcPort = await freePort()
  const rnd = random(seed)
  const begun = performance.now()
  const ports = ['--port', String(port), '--grpc-port', String(grpcPort)]
  const start = () => startGateway(['--store', store.url, ...ports, '--log-level', 'error'])
  const recoveries: number[] = []
  let gateway: RunningGateway | undefined
  let producer: ChildProcess | undefined
  try {
    gateway = await start()
    producer = fork(
      fileURLToPath(new URL(kinds[kind].producer, import.meta.url)),
      [port, ledger, seed, grpcPort].map(String),
    )
    const ended = new Promise<number | null>(resolve => producer!.once('exit', resolve))
    for (let kill = 0; kill < kills; kill++) {
      // the others may come before its first commit
      if (rnd() < 0.8) await traffic(gateway, producer)
      await sleep(20 + rnd() * 400)
      await gateway.end('SIGKILL')
      const before = performance.now()
      gateway = await start()
      recoveries.push(performance.now() - before)
      onProgress(kill + 1)
    }
    await traffic(gateway, producer, lastEvents)
    producer.send('finish')
    const code = await within(patience, 'the producer', ended)
    if (code !== 0) throw new Error(`the producer ended with ${code}`)
    const exit = await gateway.end()
    const verdict = kinds[kind].judge(await store.file(), ledger)
    if (exit !== 0) verdict.violations.push(`the gateway ended with ${exit} after SIGTERM`)
    const seconds = Math.round((performance.now() - begun) / 1000)
    return { ...verdict, kills, seconds, recovery: medianAndWorst(recoveries) }
  } finally {
    producer?.kill('SIGKILL')
    gateway?.child.kill('SIGKILL')
    await store.drop()
    dir.remove()
  }
}

/** Resolves once this life of the gateway has stored so many events or records, or the producer has ended. */
async function traffic({ url }: RunningGateway, producer: ChildProcess, events = 1): Promise<void> {
  const deadline = performance.now() + patience
  while (producer.exitCode === null) {
    const { body } = await ask(`${url}/metrics`)
    const stored = Number(/^millrace_store_events_total (\d+)$/m.exec(body)![1])
    if (stored >= events) return
    if (performance.now() > deadline) throw new Error(`the gateway stored ${stored} of ${events} within ${patience} ms`)
    await sleep(5)
  }
}
