import { random } from '../kill/events.ts'
import { compare, expectedRows, judgeTables } from './judge.ts'
import { judgeLake } from './lake.ts'
import { intoLake, toService } from './pipeline-file.ts'
import { startReceiver } from './receiver.ts'

/** A pipeline that follows a gateway, and what has to come out of it. */
export interface Scenario {
  /** text of its file */
  pipeline: string
  /** What is wrong with that which came out in this folder, whose `events.db` is the gateway's store. */
  judge(dir: string): Promise<string[]>
  close(): Promise<void>
}

/** Into SQLite tables and Parquet files: exactly once. */
export const lakeScenario = (): Scenario => ({
  pipeline: intoLake,
  judge: async dir => [...judgeTables(dir), ...(await judgeLake(dir))],
  close: async () => {},
})

/** part of the requests that fail */
const failureRate = 0.1

/** To a service that fails now and then: exactly once for a service that keeps each key once. */
export async function serviceScenario(seed: number): Promise<Scenario & { repeated(): number }> {
  const receiver = await startReceiver(random(seed), failureRate)
  return {
    pipeline: toService(receiver.url),
    judge: async dir => [...receiver.violations, ...compare('the service', expectedRows(dir), receiver.rows())],
    close: () => receiver.close(),
    repeated: () => receiver.repeated,
  }
}
