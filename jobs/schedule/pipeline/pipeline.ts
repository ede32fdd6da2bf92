import type { Kind } from '../kinds.ts'

/** Runs a pipeline to its end. */
export const pipeline: Kind = async (job, { runPipeline }) => ({
  async run({ signal }) {
    const { rows, dead_letters } = await runPipeline(job.pipeline!, signal)
    const dead = dead_letters === 0 ? '' : `, ${dead_letters} dead letters wait`
    return { figures: { rows, dead_letters }, message: `${rows} rows${dead}` }
  },
})
