import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import { type AppDeps, authorize, type Env, jsonBody, queryValue, wholeNumber } from '../context.ts'
import { present, retry } from '../dead-letters.ts'

const listMost = 1000

export function deadLetters(app: Hono<Env>, deps: AppDeps): void {
  const { store, framing } = deps

  app.get('/v1/dead-letters', async c => {
    const { tenant } = authorize(c, deps, 'admin')
    const limit = wholeNumber(c, 'limit', 100, listMost, 1)
    const after = wholeNumber(c, 'after', 0, Number.MAX_SAFE_INTEGER)
    const { letters, next } = await store.listDeadLetters({ tenant, after, limit, streamKey: queryValue(c, 'stream') })
    return c.json({ dead_letters: letters.map(present), next })
  })

  app.get('/v1/dead-letters/:id{[0-9]+}', async c => {
    const { tenant } = authorize(c, deps, 'admin')
    const id = c.req.param('id')
    const letter = await store.getDeadLetter(Number(id))
    if (letter?.tenant !== tenant) throw new AppError('not_found', `there is no dead letter ${id}`)
    return c.json(present(letter))
  })

  app.post('/v1/dead-letters/retry', async c => {
    const { tenant } = authorize(c, deps, 'admin')
    const body = await jsonBody(c)
    const ids = idsOf(body)
    const { payload } = body
    if (payload !== undefined && (typeof payload !== 'string' || ids.length !== 1))
      throw new AppError('bad_request', 'payload is JSON text, and goes with exactly one id')
    return c.json(await retry(store, ids, { payload, tenant, framing }))
  })

  app.post('/v1/dead-letters/purge', async c => {
    const { tenant } = authorize(c, deps, 'admin')
    const body = await jsonBody(c)
    const purged = await store.purgeDeadLetters(body.all === true ? 'all' : idsOf(body), tenant)
    return c.json({ purged })
  })
}

function idsOf({ ids }: Record<string, unknown>): number[] {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > listMost || !ids.every(id => Number.isSafeInteger(id)))
    throw new AppError('bad_request', `ids is not an array of 1 to ${listMost} ids: send {"ids": [1, 2]}`)
  return ids as number[]
}
