import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, type RunningGateway, startGateway, tempDir } from '../../support/gateway.ts'
import { type MedianAndWorst, medianAndWorst } from '../timing.ts'
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
  events: { producer: './producer.ts', judge: (store: string, ledger: string) => judge(store, [ledger]) },
  otlp: { producer: './otlp/producer.ts', judge: judgeOtlp },
}

/** Kills a real gateway with SIGKILL at seeded random moments while a producer process sends and resumes. */
export async function killRun({
  kills,
  seed,
  kind = 'events',
  onProgress = () => {},
}: {
  kills: number
  seed: number
  kind?: keyof typeof kinds
  onProgress?: (done: number) => void
}): Promise<KillRun> {
  const dir = tempDir()
  const store = join(dir.path, 'events.db')
  const ledger = join(dir.path, 'ledger.ndjson')
  const port = await freePort()
  const grpcPort = await freePort()
  const rnd = random(seed)
  const begun = performance.now()
  const ports = ['--port', String(port), '--grpc-port', String(grpcPort)]
  const start = () => startGateway(['--store', `sqlite:${store}`, ...ports, '--log-level', 'error'])
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
      await new Promise(resolve => setTimeout(resolve, 20 + rnd() * 400))
      await gateway.end('SIGKILL')
      const before = performance.now()
      gateway = await start()
      recoveries.push(performance.now() - before)
      onProgress(kill + 1)
    }
    await new Promise(resolve => setTimeout(resolve, 300))
    producer.send('finish')
    const code = await ended
    if (code !== 0) throw new Error(`the producer ended with ${code}`)
    const exit = await gateway.end()
    const verdict = kinds[kind].judge(store, ledger)
    if (exit !== 0) verdict.violations.push(`the gateway ended with ${exit} after SIGTERM`)
    const seconds = Math.round((performance.now() - begun) / 1000)
    return { ...verdict, kills, seconds, recovery: medianAndWorst(recoveries) }
  } finally {
    producer?.kill('SIGKILL')
    gateway?.child.kill('SIGKILL')
    dir.remove()
  }
}
