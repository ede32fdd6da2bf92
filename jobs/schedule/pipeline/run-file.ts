import type { Log } from '../../../core/telemetry/event.ts'
import { hostPipeline } from '../../runtime/worker/host.ts'
import type { Settings } from '../../settings.ts'
import type { RunPipeline } from '../kinds.ts'

/** Runs a pipeline file in job mode, in a worker. An abort cuts it off: the next run goes on from its last checkpoint. */
export function fileRunner(settings: Settings, log: Log): RunPipeline {
  return async (file, signal) => {
    let pipeline = file
    const host = hostPipeline({
      file,
      settings: { ...settings, job_mode: true },
      jobMode: true,
      reset: false,
      log: (level, node, message) =>
        log[level]('pipeline.report', { pipeline, ...(node === '' ? {} : { node }) }, message),
    })
    const cut = () => host.cut('the job was ended')
    signal.addEventListener('abort', cut)
    if (signal.aborted) cut()
    try {
      // one that is cut off before it can run is never ready
      const info = await Promise.race([host.ready, host.ended.then(() => undefined)])
      signal.throwIfAborted()
      pipeline = info?.name ?? file
      host.go()
      await host.ended
      signal.throwIfAborted()
      const { meters = {}, deadLetters = 0 } = host.status() ?? {}
      const sources = info?.nodes.filter(({ kind }) => kind === 'source') ?? []
      const rows = sources.reduce((sum, { name }) => sum + (meters[name]?.rowsOut ?? 0), 0)
      return { rows, dead_letters: deadLetters }
    } finally {
      signal.removeEventListener('abort', cut)
    }
  }
}
