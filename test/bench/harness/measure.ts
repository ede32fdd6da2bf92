import { startGateway } from './gateway.ts'
import { runWorker, startWorker } from './processes.ts'
import { checkStored } from './stored.ts'
import type { Workdir } from './workdir.ts'

/** what every generator reports */
interface Load {
  /** events acknowledged, all of them */
  acked: number
  /** responses that were not 200, by status */
  refused?: Record<string, number>
}

export type Measured<Result> = Result & {
  /** events per commit, where the gateway tells */
  commitSize: number | undefined
}

export interface MeasureOptions {
  /** proves that what was acked is in the store; default for events */
  check?: (store: string, acked: number) => void
}

/**
 * Runs one generator against a fresh gateway, stops it, and proves that what was acked is in its store.
 * Throws where a request was refused: a benchmark that is refused measures something else.
 */
export async function measureGateway<Result extends Load>(
  workdir: Workdir,
  generator: string,
  config: object,
  { check = checkStored }: MeasureOptions = {},
): Promise<Measured<Result>> {
  const gateway = await startGateway({ dir: workdir.fresh() })
  const result = await runWorker<Result>(generator, {
    ...config,
    port: gateway.port,
    grpcPort: gateway.grpcPort,
    pid: gateway.pid,
  })
  const commitSize = await gateway.commitSize()
  await gateway.stop()
  if (Object.keys(result.refused ?? {}).length > 0) throw new Error(`refused: ${JSON.stringify(result.refused)}`)
  check(gateway.store, result.acked)
  return { ...result, commitSize }
}

/** Runs one generator against a server of ours that stores nothing. */
export async function measureServer<Result>(
  server: string,
  serverConfig: object,
  generator: string,
  config: object,
): Promise<Result> {
  const running = startWorker(server, serverConfig)
  const { port } = await running.message<{ port: number }>()
  const result = await runWorker<Result>(generator, { ...config, port })
  await running.stop()
  return result
}
