import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import type { Jobs } from '../../core/jobs.ts'
import { type AppDeps, authorize, type Ctx, type Env, jsonBody, wholeNumber } from '../context.ts'

const listMost = 1000

/** Scheduled jobs and their runs; 404 where this gateway runs none. */
export function jobs(app: Hono<Env>, deps: AppDeps): void {
  function jobsFor(c: Ctx): Jobs {
    const { tenant } = authorize(c, deps, 'admin')
    if (tenant !== '')
      throw new AppError('forbidden', `jobs belong to the gateway as a whole: the token is of tenant ${tenant} only`)
    const found = deps.jobs()
    if (found === undefined) throw new AppError('not_found', 'this gateway runs no jobs: start it with --jobs FILE')
    return found
  }

  const nameOf = (c: Ctx): string => c.req.param('name') ?? ''
  const missing = (c: Ctx) => new AppError('not_found', `there is no job ${JSON.stringify(nameOf(c))}`)

  app.get('/v1/jobs', async c => c.json({ jobs: await jobsFor(c).list() }))

  app.get('/v1/jobs/:name/runs', async c => {
    const found = await jobsFor(c).runs(nameOf(c), wholeNumber(c, 'limit', 100, listMost, 1))
    if (found === undefined) throw missing(c)
    return c.json({ runs: found })
  })

  app.post('/v1/jobs/:name/run', async c => {
    const all = jobsFor(c)
    await jsonBody(c)
    const run = await all.run(nameOf(c))
    if (run === undefined) throw missing(c)
    return c.json(run, run.started ? 202 : 200)
  })
}
