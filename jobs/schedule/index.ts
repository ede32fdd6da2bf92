import type { JobKind } from '../../core/jobs.ts'
import type { Kind } from './kinds.ts'

/** One line per kind of job; only those that a jobs file names are loaded. */
export const kinds: Readonly<Record<JobKind, Kind>> = {
  pipeline: async (job, deps) => (await import('./pipeline/pipeline.ts')).pipeline(job, deps),
  compact: async (job, { compactFolder }) => ({
    async run({ signal, log }) {
      return { figures: await compactFolder({ ...job.compact!, signal, log }) }
    },
  }),
  retention: async (job, deps) => (await import('./retention/retention.ts')).retention(job, deps),
  vacuum: async (job, deps) => (await import('./vacuum/vacuum.ts')).vacuum(job, deps),
}
