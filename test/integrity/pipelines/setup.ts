import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { atEnd, tempFolder } from '../../../gateway/store/sqlite/faults.suite.ts'
import { startGateway } from '../../support/gateway.ts'
import { judge as judgeStore } from '../clients/judge.ts'
import { lanesOf } from '../clients/lanes.ts'
import { startProducer, tsCommand } from '../clients/producers.ts'
import { progress } from './epochs.ts'
import { type PipelineProcess, startPipeline } from './pipeline-process.ts'
import type { Scenario } from './scenarios.ts'

export interface Setup {
  /** of the pipeline, and of the gateway's store */
  dir: string
  /** Lets the client send so many events, counted from its first one. */
  send(upTo: number): void
  /** In the folder of the pipeline; ended with the test. `state` names another file of state. */
  start(options?: { args?: readonly string[]; state?: string }): PipelineProcess
  /** the last final epoch */
  epoch(state?: string): number
  /** All 3,000 events that the client sent have come through; the pipeline runs as a job for that. */
  judge(state?: string): Promise<void>
}

export interface SetupOptions {
  scenario: Scenario
  /** of the pipeline, and of the gateway's store; default: one of its own */
  dir?: string
  /** file; default: in `dir` */
  state?: string
}

/** A gateway, a client that sends 3,000 events to it, the first 1,000 at once, and processes of one pipeline. */
export async function setUp(t: TestContext, options: SetupOptions): Promise<Setup> {
  const { scenario } = options
  const own = tempFolder(t)
  const { dir = own } = options
  const { state = join(dir, 'state.db') } = options
  const store = join(dir, 'events.db')
  writeFileSync(join(own, 'pipeline.yaml'), scenario.pipeline)
  const gateway = await startGateway(['--store', `sqlite:${store}`, '--port', '0', '--log-level', 'error'])
  atEnd(t, () => gateway.end('SIGKILL'))
  const lane = lanesOf(['ts'], own, gateway.url, 3000)[0]!
  const producer = startProducer(lane, { ts: tsCommand, go: [''] })
  atEnd(t, () => producer.abandon())
  producer.allow(1000)

  function start({ args = [], state: other = state }: { args?: readonly string[]; state?: string } = {}) {
    const settings = {
      checkpoint_interval_sec: 0.05,
      record_batch_interval_ms: 10,
      state_backend__sqlite__database_path: other,
    }
    const one = startPipeline({ dir, file: join(own, 'pipeline.yaml'), args, settings })
    atEnd(t, () => one.end('SIGKILL'))
    return one
  }

  return {
    dir,
    send: upTo => producer.allow(upTo),
    start,
    epoch: (other = state) => progress(other).epoch,
    async judge(other) {
      producer.allow(3000)
      await Promise.race([producer.done, producer.failure])
      const job = start({ args: ['--job-mode'], ...(other !== undefined && { state: other }) })
      assert.equal(await job.exited, 0, job.log())
      assert.deepEqual(judgeStore(store, [lane]).violations, [])
      assert.deepEqual(await scenario.judge(dir), [])
    },
  }
}
