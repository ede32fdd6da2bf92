import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import pg from 'pg'
import type { SinkDefinition, Stream } from '../../runtime/contract.ts'
import { context as within } from '../../runtime/errors.ts'
import { type Watched, watched } from '../../runtime/harness/context.suite.ts'
import { plain } from '../../runtime/harness/sink.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { serverOfUrl } from '../postgres/keys.ts'
import { type Opened, openSink } from '../sqlite-sink/harness.suite.ts'

/** What tests of the sinks on Postgres have in common. */

/** Settings of a pipeline whose sinks write to the server at this URL; `port`: of a proxy before it. */
export function settingsFor(url: string, port?: number, more: object = {}) {
  const { password, database, ...server } = serverOfUrl(url)
  return settingsSchema.parse({
    postgres_sink: { ...server, sslmode: 'disable', pass: password, db: database, ...(port && { port }), ...more },
  })
}

export function watchedAt(
  url: string,
  given: Parameters<typeof watched>[0] & { port?: number; more?: object } = {},
): Watched {
  const { port, more, ...rest } = given
  // an error says what was tried, as in a run
  const retry: Watched['retry'] = (what, attempt) => attempt().catch(error => Promise.reject(within(what, error)))
  return { ...watched(rest), retry, settings: settingsFor(url, port, more) }
}

/** A schema of the test's own; what is in it goes with the test. */
export function tempSchema(t: TestContext, url: string): string {
  const name = `millrace_${randomBytes(6).toString('hex')}`
  t.after(() => execute(url, `drop schema if exists ${name} cascade`))
  return name
}

export const open = <C>(
  t: TestContext,
  url: string,
  definition: SinkDefinition<C>,
  config: object,
  input: Stream,
  context = watchedAt(url),
): Promise<Opened> => openSink(t, definition, config, input, context)

const int8 = 20
const types = {
  getTypeParser: (oid: number) =>
    oid === int8
      ? BigInt
      : [21, 23, 26, 700, 701].includes(oid)
        ? Number
        : oid === 16
          ? (text: string) => text === 't'
          : (text: string) => text,
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, types: types as pg.CustomTypesConfig })
  await client.connect()
  try {
    await client.query("set timezone = 'UTC'")
    return await work(client)
  } finally {
    await client.end()
  }
}

/** One statement; integers are numbers where these hold them, decimals and times text. */
export const query = (url: string, sql: string): Promise<Record<string, unknown>[]> =>
  connected(url, async client => {
    const answer: unknown = await client.query(sql)
    const last = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult<Record<string, unknown>>
    return last.rows.map(plain)
  })

export const execute = (url: string, sql: string): Promise<void> =>
  connected(url, async client => void (await client.query(sql)))

export const connectSink = <C>(
  definition: SinkDefinition<C>,
  config: object,
  input: Stream,
  context: Watched,
): Promise<void> => definition.connect!(definition.config.parse({ from: 'rows', ...config }), input, context)

/** Names of the columns of table `t`. */
export async function columnsOf(url: string, schema: string): Promise<string[]> {
  const found = await query(
    url,
    `select attname::text as name from pg_attribute where attrelid = '${schema}.t'::regclass and attnum > 0 order by attnum`,
  )
  return found.map(({ name }) => String(name))
}
