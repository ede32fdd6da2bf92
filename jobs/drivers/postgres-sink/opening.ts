import { PipelineError } from '../../runtime/errors.ts'
import type { PgSession } from '../postgres/session.ts'
import type { Fence } from './fence.ts'
import { inSchema, makeSchema } from './schema.ts'
import type { On } from './staging.ts'
import type { Table } from './table.ts'

/** How a sink comes to what it writes to. */
export interface Opening<T> {
  session: PgSession
  schema: string
  fence: Fence
  on: On
  /**
   * Makes the tables, in one transaction; gives the one that rows go to first. Throws `state` where they are gone and
   * rows were published: they would then begin in the middle.
   */
  prepare(isPublished: boolean): Promise<Table>
  create(table: Table): Promise<T>
}

export interface Opened<T> {
  /** Throws why there is none. */
  get(): T
  /** Forgets what was published, and opens what could not be. */
  reset(): Promise<void>
}

export async function openTables<T>({ session, schema, fence, on, prepare, create }: Opening<T>): Promise<Opened<T>> {
  let target: T | undefined
  /** why there is none; only `--reset` may do away with it */
  let refusal: PipelineError | undefined
  await open()

  async function open(): Promise<void> {
    const table = await on('prepare', () =>
      inSchema(session, schema, async () => {
        const isPublished = await fence.published()
        await makeSchema(session, schema)
        await fence.prepare()
        return prepare(isPublished)
      }),
    ).catch(error => {
      if (!(error instanceof PipelineError && error.code === 'state')) throw error
      refusal = error
      return undefined
    })
    target = table && (await create(table))
  }

  return {
    get() {
      if (target === undefined) throw refusal
      return target
    },
    async reset() {
      await on('reset', () => fence.reset())
      refusal = undefined
      if (target === undefined) await open()
    },
  }
}
