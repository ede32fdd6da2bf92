import { existsSync, statSync } from 'node:fs'
import type { RetryResult } from '../../gateway/dead-letters.ts'
import type { PipelineDeadLetter, StateBackend } from '../../jobs/state/state.ts'
import { pages } from './pages.ts'

/** What a list shows of a row, in characters. */
const previewMost = 1024

/** A dead letter of a pipeline, in the form of those of a gateway. */
export interface LetterRow {
  id: number
  node: string
  epoch: number
  received_at: number
  code: string
  message: string
  /** bytes of the whole row */
  size: number
  /** false: no row, or cut */
  retryable: boolean
  /** when another try was asked for */
  retry_at: number | null
  text: string
}

/** The dead letters of one pipeline. */
export interface Letters {
  list(limit: number, node: string | undefined): Promise<LetterRow[]>
  get(id: number): Promise<LetterRow | undefined>
  /** Marks them for the running, or the next, run of the pipeline. */
  retry(ids: readonly number[] | 'all'): Promise<RetryResult & { marked: number }>
  purge(ids: readonly number[] | 'all'): Promise<number>
}

/** Runs `use` with the letters of a pipeline: a file, or the name under which it runs. */
export async function withLetters<T>(
  { pipeline, config }: { pipeline: string; config?: string | undefined },
  use: (letters: Letters) => Promise<T>,
): Promise<T> {
  const [{ loadSettings }, { openState }] = await Promise.all([
    import('../config/load.ts'),
    import('../../jobs/state/index.ts'),
  ])
  const settings = await loadSettings({ file: config })
  const { backend_type, sqlite } = settings.state_backend
  if (backend_type === 'memory')
    throw new Error(
      'state_backend InMemory keeps dead letters only while the pipeline runs: set it to Sqlite or Postgres',
    )
  if (backend_type === 'sqlite' && !existsSync(sqlite.database_path))
    throw new Error(
      `there is no state at ${sqlite.database_path}: run the pipeline once, or set state_backend.sqlite.database_path`,
    )
  const state = await openState(settings)
  try {
    return await use(lettersOf(state, `${settings.application_id}/${await nameOf(pipeline)}`))
  } finally {
    await state.close()
  }
}

async function nameOf(pipeline: string): Promise<string> {
  const isFile = statSync(pipeline, { throwIfNoEntry: false })?.isFile() === true
  if (!isFile && !/[/\\]|\.(ya?ml|json)$/i.test(pipeline)) return pipeline
  return (await import('../../jobs/state/name.ts')).readPipeline(pipeline).name
}

function lettersOf(state: StateBackend, namespace: string): Letters {
  async function find(id: number): Promise<PipelineDeadLetter | undefined> {
    const { letters } = await state.deadLetters(namespace, { after: id - 1, limit: 1 })
    return letters[0]?.id === id ? letters[0] : undefined
  }

  async function whyNot(id: number): Promise<RetryResult['failed'][number]> {
    const letter = await find(id)
    if (letter === undefined) return { id, code: 'not_found', message: `there is no dead letter ${id} of ${namespace}` }
    return { id, code: letter.code, message: `dead letter ${id} is no whole row, and cannot be tried again` }
  }

  return {
    async list(limit, node) {
      const found: LetterRow[] = []
      const fetch = async ({ limit, after }: { limit: number; after: number | undefined }) => {
        const query = { limit, ...(after === undefined ? {} : { after }), ...(node === undefined ? {} : { node }) }
        const { letters, next } = await state.deadLetters(namespace, query)
        return { rows: letters, next }
      }
      for await (const letters of pages(limit, fetch))
        found.push(
          ...letters.map(letter => ({ ...present(letter), text: letter.row.slice(0, previewMost).toWellFormed() })),
        )
      return found
    },
    async get(id) {
      const letter = await find(id)
      return letter && present(letter)
    },
    async retry(ids) {
      if (ids === 'all') return { marked: await state.retryDeadLetters(namespace), retried: [], failed: [] }
      const result: RetryResult = { retried: [], failed: [] }
      for (const id of ids) {
        if ((await state.retryDeadLetters(namespace, [id])) === 1) result.retried.push(id)
        else result.failed.push(await whyNot(id))
      }
      return { ...result, marked: result.retried.length }
    },
    purge: ids => state.purgeDeadLetters(namespace, ids === 'all' ? undefined : ids),
  }
}

function present({
  id,
  node,
  epoch,
  at,
  code,
  message,
  size,
  retryable,
  retry_at,
  row,
}: PipelineDeadLetter): LetterRow {
  return { id, node, epoch, received_at: at, code, message, size, retryable, retry_at, text: row }
}
