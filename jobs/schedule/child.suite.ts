import { appendFileSync } from 'node:fs'
import type { Work } from './kinds.ts'
import { openRuns } from './runs/open.ts'
import { jobsOf, keepingLog } from './schedule.suite.ts'
import { createScheduler } from './scheduler.ts'

/**
 * The program of `processes.test.ts`: runs the job of each second, whose work writes a line when it begins and one when
 * it ends, and says so. With `hang` the work never ends.
 */
const [state, file, hang] = process.argv.slice(2) as [string, string, string]
process.on('disconnect', () => process.exit(1))

const work: Work = {
  async run({ signal }) {
    appendFileSync(file, `begin ${process.pid}\n`)
    process.send!('begin')
    if (hang === 'hang') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    await new Promise(resolve => setTimeout(resolve, 20))
    appendFileSync(file, `end ${process.pid}\n`)
    process.send!('end')
    return { figures: {} }
  },
}
const scheduler = createScheduler({
  jobs: jobsOf('  a: { schedule: "* * * * * *", vacuum: {}, catch_up: true }'),
  runs: await openRuns({ state }),
  workOf: async () => work,
  log: keepingLog().log,
  times: { lease: 1500, beat: 300, grace: 100 },
})
process.on('SIGTERM', async () => {
  await scheduler.stop()
  process.exit(0)
})
await scheduler.start()
