import * as z from 'zod'
import { parseDuration, parseSize } from '../core/units.ts'
import { clickhouseSinkKeys, clickhouseSource } from './drivers/clickhouse/keys.ts'
import { kafkaSink, kafkaSource } from './drivers/kafka/settings.ts'
import { serverKeys, sslModes } from './drivers/postgres/keys.ts'
import { s3Keys } from './drivers/s3/keys.ts'

/**
 * Settings of the pipelines' runtime: keys of `millrace.yaml`, or `MILLRACE__…` in the environment. Names and defaults
 * are those of the model runtime, but for what the descriptions say; `STREAMLING__…` of the same name is read where
 * ours is not set. The one place of defaults and descriptions.
 */

/** `10s`, `500ms`, `5m`, or seconds; parsed to milliseconds. */
export const duration = z.union([z.string(), z.number()]).transform((value, issues) => {
  const ms = parseDuration(value)
  if (ms !== undefined) return ms
  issues.addIssue({
    code: 'custom',
    message: `expected a duration such as 500ms, 10s or 5m, got ${JSON.stringify(value)}`,
  })
  return z.NEVER
})

/** `256MiB`, `1MB`, or bytes; parsed to bytes. */
export const size = z.union([z.string(), z.number()]).transform((value, issues) => {
  const bytes = parseSize(value)
  if (bytes !== undefined && bytes > 0) return bytes
  issues.addIssue({
    code: 'custom',
    message: `expected a size such as 16KiB, 1MB or 256MiB, got ${JSON.stringify(value)}`,
  })
  return z.NEVER
})

const stateBackend = z.strictObject({
  backend_type: z
    .string()
    .transform(name => name.toLowerCase().replace(/[^a-z]/g, ''))
    .pipe(
      z
        .enum(['sqlite', 'postgres', 'postgresql', 'inmemory', 'memory'])
        .transform(name => (name === 'sqlite' ? 'sqlite' : name.startsWith('postgres') ? 'postgres' : 'memory')),
    )
    .prefault('Sqlite')
    .describe('Sqlite, Postgres or InMemory (forgets all when the process ends)'),
  sqlite: z
    .strictObject({ database_path: z.string().min(1).default('./state.db').describe('file of the state') })
    .prefault({})
    .describe('where backend_type is Sqlite'),
  postgres: z
    .strictObject({
      ...serverKeys({ host: 'localhost', user: 'graph-node', database: 'streamling', sslmode: 'require' }),
      state_schema_name: z
        .string()
        .min(1)
        .default('streamling')
        .describe('schema of the tables, made if it is missing'),
      state_table_name: z.string().min(1).default('state').describe('table, made if it is missing, as those beside it'),
      max_connections: z.int().min(1).default(4).describe('connections at most, beside one per running pipeline'),
    })
    .prefault({})
    .describe('where backend_type is Postgres'),
})

const dynamicTableBackend = z.strictObject({
  postgres: z
    .strictObject({
      ...serverKeys({ host: 'localhost', user: 'graph-node', database: 'streamling', sslmode: 'require' }),
      dt_schema_name: z.string().min(1).default('streamling').describe('schema of tables that name none'),
      max_connections: z.int().min(1).default(20).describe('connections of a table at most'),
      cache_enabled: z.boolean().default(false).describe('cache of tables that do not say otherwise'),
      cache_refresh_debounce_ms: z.int().min(0).default(1000).describe('of tables that do not say otherwise'),
    })
    .prefault({})
    .describe('where backend_type is Postgres'),
  max_batch_size: z
    .int()
    .min(1)
    .default(1000)
    .describe('values of one look-up; more are looked up in several, at once'),
})

const externalHttpHandler = z.strictObject({
  trigger_max_count: z.int().min(1).default(2000).describe('rows of a request'),
  operator_timeout_sec: z.number().positive().default(300).describe('seconds until a request counts as failed'),
  buffer_size: z.int().min(1).default(25).describe('requests at once'),
})

const script = z.strictObject({
  timeout: duration.prefault('1s').describe('one batch in a script takes at most this; a duration'),
  memory: size.prefault('64MiB').describe('memory of a script; a size'),
})

const printSink = z.strictObject({
  sample_every: z.int().min(1).default(1).describe('prints one row of so many'),
  num_records_before_stop: z.int().min(1).optional().describe('the run ends after so many rows came'),
})

const deadLetters = z.strictObject({
  max_rows: z.int().min(0).default(100_000).describe('dead letters of a pipeline, above which it fails'),
  max_row_size: size.prefault('64KiB').describe('a longer row is kept cut to this, and cannot be retried; a size'),
})

const secrets = z.record(z.string(), z.string()).default({})

const plugin = z.strictObject({
  path: z
    .union([z.string().min(1), z.array(z.string().min(1))])
    .transform(path => (typeof path === 'string' ? path.split(',').map(part => part.trim()) : path))
    .default([])
    .describe('plugins: files (.js, .ts), folders of them, or npm packages'),
  preprocessor_ids: idList().describe('preprocessors that the pipeline file goes through, in order'),
  preprocessor_options: z.record(z.string(), z.record(z.string(), z.json())).default({}).describe('by id'),
  side_output_ids: idList().describe('side outputs that see every batch of every source'),
  side_output_options: z.record(z.string(), z.record(z.string(), z.json())).default({}).describe('by id'),
})

function idList() {
  return z
    .union([z.string(), z.array(z.string())])
    .transform(ids => (typeof ids === 'string' ? ids.split(',') : ids).map(id => id.trim()).filter(id => id !== ''))
    .default([])
}

const postgresSink = z.strictObject({
  ...serverKeys({ host: '127.0.0.1', user: 'graph-node', database: 'postgres', sslmode: 'disable' }),
  statement_timeout_secs: z
    .number()
    .min(0)
    .default(60)
    .describe('seconds that a statement may take; its connection is given up after twice that. 0: no bound'),
  batch_size: z.int().min(1).default(100).describe("accepted for the model's: rows are published at checkpoints"),
  batch_flush_interval: duration.prefault('1s').describe('as batch_size; a duration'),
  pool_acquire_timeout_secs: z.number().min(0).default(30).describe('seconds until a try to connect counts as failed'),
  pool_idle_timeout_secs: z
    .number()
    .min(0)
    .default(600)
    .describe("accepted for the model's: a sink has one connection"),
  pool_max_lifetime_timeout_secs: z.number().min(0).default(1800).describe('as pool_idle_timeout_secs'),
})

const serverParts = z.record(
  z.string(),
  z.strictObject({
    host: z.string().min(1).optional(),
    port: z.coerce.number().pipe(z.int().min(1).max(65535)).optional(),
    user: z.string().min(1).optional(),
    pass: z.coerce.string().optional(),
    password: z.coerce.string().optional(),
    db: z.string().min(1).optional(),
    database: z.string().min(1).optional(),
    sslmode: z.enum(sslModes).optional(),
    sslrootcert: z.string().min(1).optional(),
  }),
)

/** By the sink's name in lower case, with `_` for all but letters and digits. Values of the environment are text. */
const postgresSinkConnections = z
  .record(z.string(), z.record(z.string(), z.union([z.string(), z.number()])))
  .default({})
  .transform((all, issues) => {
    const { data, error } = serverParts.safeParse(all)
    for (const { path, message } of error?.issues ?? []) issues.addIssue({ code: 'custom', path, message })
    return data ?? z.NEVER
  })

const clickhouseSink = z.strictObject({
  ...clickhouseSinkKeys,
  batch_flush_interval: duration.prefault('1s').describe('see batch_size; a duration'),
})

const postgresSource = z.strictObject({
  ...serverKeys({ host: '127.0.0.1', user: 'graph-node', database: 'postgres', sslmode: 'disable' }),
  statement_timeout_secs: z
    .number()
    .min(0)
    .default(60)
    .describe('seconds that a page may take, above which pages become smaller. 0: no bound'),
  page_size: z.int().min(1).default(65_536).describe('rows of a page at most; pages are smaller where rows are wide'),
})

export const settingsSchema = z.strictObject({
  application_id: z
    .string()
    .min(1)
    .default('local_app_v1')
    .describe('namespace of the state, before the name of the pipeline'),
  pipeline_definition_location: z
    .string()
    .min(1)
    .default('./pipeline.yaml')
    .describe('the pipeline of a `millrace run` that names none'),
  log_format: z.enum(['text', 'json']).default('text').describe('lines of `millrace run` on stderr'),
  checkpoint_interval_sec: z.number().min(0.001).default(5).describe('seconds between checkpoints'),
  checkpoint_max_rows: z.int().min(1).default(1_000_000).describe('rows after which a checkpoint comes earlier'),
  checkpoint_max_bytes: size
    .prefault('256MiB')
    .describe('bytes of rows after which a checkpoint comes earlier; a size'),
  checkpoint_timeout_sec: z
    .number()
    .positive()
    .default(60)
    .describe('seconds without progress after which the pipeline starts again from its last checkpoint'),
  restarts: z.int().min(0).default(5).describe('failures within restart_window before the pipeline gives up'),
  restart_window: duration.prefault('10m').describe('see restarts; a duration'),
  record_batch_size: z
    .int()
    .min(1)
    .optional()
    .describe('rows of a batch at most; default: as many as are there, up to 65,536 (the model: 1000)'),
  record_batch_interval_ms: z
    .int()
    .min(0)
    .default(100)
    .describe('milliseconds that a live source collects rows for a batch'),
  num_records_before_stop: z
    .int()
    .min(1)
    .optional()
    .describe('rows of all sources after which the run ends; for tests'),
  internal_buffer_size: z.int().min(1).default(10).describe('batches between two nodes'),
  internal_buffer_bytes: size.prefault('32MiB').describe('bytes between two nodes; a size'),
  enforce_primary_keys: z.boolean().default(false).describe('a node without a primary key is an error, not a warning'),
  state_backend: stateBackend.prefault({}).describe('where positions, epochs and dead letters are kept'),
  dynamic_table_backend: dynamicTableBackend.prefault({}).describe('dynamic tables in Postgres'),
  external_http_handler: externalHttpHandler.prefault({}).describe('handler transform and webhook sink'),
  script: script.prefault({}).describe('limits of script transforms'),
  print_sink: printSink.prefault({}).describe('print sinks that do not say otherwise'),
  postgres_source: postgresSource.prefault({}).describe('postgres sources'),
  postgres_source_connections: postgresSinkConnections.describe(
    'keys of postgres_source that differ for a source, by its name: host, port, user, pass, db, sslmode',
  ),
  postgres_sink: postgresSink.prefault({}).describe('postgres and postgres_aggregate sinks'),
  postgres_sink_connections: postgresSinkConnections.describe(
    'keys of postgres_sink that differ for a sink, by its name: host, port, user, pass, db, sslmode',
  ),
  s3: s3Keys.prefault({}).describe('buckets of file sources, parquet sinks and the compaction'),
  dead_letters: deadLetters.prefault({}).describe('rows that a node could not take'),
  kafka_source: kafkaSource.prefault({}).describe('kafka sources'),
  kafka_sink: kafkaSink.prefault({}).describe('kafka sinks'),
  clickhouse_source: clickhouseSource.prefault({}).describe('clickhouse sources'),
  clickhouse_sink: clickhouseSink.prefault({}).describe('clickhouse sinks'),
  http_secret_header: secrets.describe('name of the header, by secret_name'),
  http_secret_value: secrets.describe('value of the header, by secret_name'),
  plugin: plugin.prefault({}).describe('plugins, see jobs/README.md'),
  job_mode: z.boolean().default(false).describe('the run ends after the bounded phases, as --job-mode'),
  restart: z
    .enum(['resume', 'always'])
    .default('resume')
    .describe('a job that ran to its end: resume reads what is new, always reads everything again'),
  drain_policy: z
    .enum(['auto', 'drain', 'fast'])
    .default('auto')
    .describe(
      'on SIGTERM: drain hands on what was read and takes a last checkpoint, fast leaves it to the next run, auto drains bounded work',
    ),
  drain_timeout: duration.prefault('30s').describe('a drain that takes longer ends as fast does; a duration'),
  admin_api_port: z.int().min(0).max(65535).optional().describe('port of --admin on loopback; default: none'),
})

export type Settings = z.infer<typeof settingsSchema>
