import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import { type AppDeps, authorize, type Env, jsonBody } from '../context.ts'
import type { QueryParam } from '../store/store.ts'

/** One SELECT over all data tables: it sees every tenant, so only a token of the default tenant may ask. */
export function query(app: Hono<Env>, deps: AppDeps): void {
  app.post('/v1/query', async c => {
    const identity = authorize(c, deps, 'read')
    if (identity.tenant !== '')
      throw new AppError('forbidden', `SQL sees all tenants: the token ${identity.token} belongs to ${identity.tenant}`)
    const { sql, params = [] } = await jsonBody(c)
    if (typeof sql !== 'string')
      throw new AppError('bad_request', 'sql is missing: send {"sql": "select …", "params": []}')
    if (!Array.isArray(params) || !params.every(isParam))
      throw new AppError('bad_request', 'params is not an array of strings, numbers, booleans and nulls')
    const gone = c.req.raw.signal
    try {
      return c.json(await deps.store.query(sql, params, deps.query, gone))
    } catch (error) {
      // the client went away: that is no failure of ours, and nobody reads this
      if (gone.aborted) return new Response(null, { status: 499 })
      throw error
    }
  })
}

const isParam = (value: unknown): value is QueryParam =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)
