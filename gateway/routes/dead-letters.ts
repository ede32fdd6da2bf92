import type { Hono } from 'hono'
import { AppError, toAppError } from '../../core/errors.ts'
import { frameMessage } from '../../core/framing/framer.ts'
import type { Identity } from '../auth.ts'
import { type AppDeps, authorize, type Env, jsonBody, wholeNumber } from '../context.ts'
import type { DeadLetter } from '../store/store.ts'

const listMost = 1000
const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function deadLetters(app: Hono<Env>, deps: AppDeps): void {
  const { store } = deps

  async function find(id: number, identity: Identity): Promise<DeadLetter> {
    const letter = await store.getDeadLetter(id)
    if (letter === undefined || letter.tenant !== identity.tenant)
      throw new AppError('not_found', `there is no dead letter ${id}`)
    return letter
  }

  /** A dead letter becomes an event only where its text, or the one given for it, is one valid value. */
  async function retry(id: number, replacement: string | undefined, identity: Identity): Promise<void> {
    const letter = await find(id, identity)
    const text = replacement === undefined ? letter.raw : new TextEncoder().encode(replacement)
    if (replacement === undefined && letter.size > letter.raw.length)
      throw new AppError(
        'event_too_large',
        `dead letter ${id} was cut from ${letter.size} to ${letter.raw.length} bytes: give its payload anew`,
      )
    const bytes = Uint8Array.from(text)
    const found = frameMessage(bytes, deps.framing)
    if ('code' in found) throw new AppError(found.code, `dead letter ${id} is still no event: ${found.message}`)
    if (!(await store.retryDeadLetter(id, bytes.slice(found.start, found.end))))
      throw new AppError('not_found', `there is no dead letter ${id}`)
  }

  app.get('/v1/dead-letters', async c => {
    const { tenant } = authorize(c, deps, 'admin')
    const limit = wholeNumber(c, 'limit', 100, listMost)
    const after = wholeNumber(c, 'after', 0, Number.MAX_SAFE_INTEGER)
    const rows = await store.listDeadLetters({ tenant, after, limit, streamKey: c.req.query('stream') })
    return c.json({
      dead_letters: rows.map(present),
      next: rows.length === limit ? (rows.at(-1)?.dead_letter_id ?? null) : null,
    })
  })

  app.get('/v1/dead-letters/:id{[0-9]+}', async c => {
    const identity = authorize(c, deps, 'admin')
    return c.json(present(await find(Number(c.req.param('id')), identity)))
  })

  app.post('/v1/dead-letters/retry', async c => {
    const identity = authorize(c, deps, 'admin')
    const body = await jsonBody(c)
    const ids = idsOf(body)
    const { payload } = body
    if (payload !== undefined && (typeof payload !== 'string' || ids.length !== 1))
      throw new AppError('bad_request', 'payload is JSON text, and goes with exactly one id')
    const retried: number[] = []
    const failed: { id: number; code: string; message: string }[] = []
    for (const id of ids) {
      try {
        await retry(id, payload, identity)
        retried.push(id)
      } catch (thrown) {
        const { code, message } = toAppError(thrown)
        failed.push({ id, code, message })
      }
    }
    return c.json({ retried, failed })
  })

  app.post('/v1/dead-letters/purge', async c => {
    const { tenant } = authorize(c, deps, 'admin')
    const body = await jsonBody(c)
    if (body.all === true) {
      let purged = 0
      for (;;) {
        const page = await store.listDeadLetters({ tenant, limit: listMost })
        if (page.length === 0) return c.json({ purged })
        purged += await store.purgeDeadLetters(page.map(letter => letter.dead_letter_id))
      }
    }
    const own: number[] = []
    for (const id of idsOf(body)) if ((await store.getDeadLetter(id))?.tenant === tenant) own.push(id)
    return c.json({ purged: await store.purgeDeadLetters(own) })
  })
}

function idsOf({ ids }: Record<string, unknown>): number[] {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > listMost || !ids.every(id => Number.isSafeInteger(id)))
    throw new AppError('bad_request', `ids is not an array of 1 to ${listMost} ids: send {"ids": [1, 2]}`)
  return ids as number[]
}

function present({ dead_letter_id, stream_key, stream_index, received_at, code, message, size, raw }: DeadLetter) {
  return {
    id: dead_letter_id,
    stream: stream_key,
    index: stream_index,
    received_at,
    code,
    message,
    size,
    ...textOf(raw),
  }
}

/** As text where it is valid UTF-8, else as base64. */
function textOf(raw: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: fatal.decode(raw) }
  } catch {
    let binary = ''
    for (const byte of raw) binary += String.fromCharCode(byte)
    return { base64: btoa(binary) }
  }
}
