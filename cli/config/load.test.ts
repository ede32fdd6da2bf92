import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { UsageError } from '../exit.ts'
import { type LoadOptions, loadConfig, loadSettings } from './load.ts'
import { asJson, asYaml } from './render.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'))
after(() => rmSync(folder, { recursive: true }))

function yaml(text: string): string {
  const file = join(folder, 'millrace.yaml')
  writeFileSync(file, text)
  return file
}

async function problemsOf(options: LoadOptions): Promise<string[]> {
  const error = await loadConfig({ environment: {}, ...options }).then(
    () => assert.fail('expected a UsageError'),
    (caught: unknown) => caught,
  )
  assert.ok(error instanceof UsageError)
  return error.problems.map(problem => problem.replaceAll(folder, '.'))
}

test('flags override the environment, which overrides the file, which overrides the defaults', async () => {
  const file = yaml('gateway: { host: from-file, port: 1, grpc_port: 1 }\n')
  const environment = { MILLRACE__GATEWAY__PORT: '2', MILLRACE__GATEWAY__GRPC_PORT: '2' }
  const { config, settings } = await loadConfig({
    file,
    environment,
    flags: { 'gateway.grpc_port': ['--grpc-port', '3'] },
  })
  const { host, port, grpc_port, grace } = config.gateway
  assert.deepEqual({ host, port, grpc_port, grace }, { host: 'from-file', port: 2, grpc_port: 3, grace: 10_000 })
  const sources = Object.fromEntries(settings.map(({ path, source }) => [path, source.replace(folder, '.')]))
  assert.equal(sources['gateway.host'], './millrace.yaml:1:18')
  assert.equal(sources['gateway.port'], 'MILLRACE__GATEWAY__PORT')
  assert.equal(sources['gateway.grpc_port'], '--grpc-port')
  assert.equal(sources['gateway.grace'], 'default')
})

test('variables are read as the schema wants them: numbers, booleans, lists, text and units', async () => {
  const { config } = await loadConfig({
    environment: {
      MILLRACE__STORE: '123',
      MILLRACE__GATEWAY__NO_AUTH: 'true',
      MILLRACE__GATEWAY__CORS: 'https://a.example, https://b.example',
      MILLRACE__GATEWAY__GRACE: '2m',
      MILLRACE__GATEWAY__LIMITS__BODY: '1024',
      MILLRACE__GATEWAY__HEARTBEAT: '',
      MILLRACE_TOKEN: 'not a setting',
    },
  })
  assert.equal(config.store, '123')
  assert.equal(config.gateway.no_auth, true)
  assert.deepEqual(config.gateway.cors, ['https://a.example', 'https://b.example'])
  assert.equal(config.gateway.grace, 120_000)
  assert.equal(config.gateway.limits.body, 1024)
  assert.equal(config.gateway.heartbeat, 30_000)
})

test('a list may be written as in YAML', async () => {
  const { config } = await loadConfig({
    environment: { MILLRACE__GATEWAY__CORS: '[https://a.example, "http://b.example"]' },
  })
  assert.deepEqual(config.gateway.cors, ['https://a.example', 'http://b.example'])
})

test('an unknown key names the nearest known one and where it stands', async () => {
  const file = yaml('gateway:\n  prot: 1\n  limits: { bdoy: 1 }\nport: 1\n')
  assert.deepEqual(await problemsOf({ file, environment: { MILLRACE__GATWAY__HOST: 'x' } }), [
    './millrace.yaml:2:3: gateway.prot: unknown key, did you mean gateway.port?',
    './millrace.yaml:3:13: gateway.limits.bdoy: unknown key, did you mean gateway.limits.body?',
    './millrace.yaml:4:1: port: unknown key, did you mean gateway.port?',
    'MILLRACE__GATWAY__HOST: unknown key, did you mean MILLRACE__GATEWAY__HOST?',
  ])
})

test('all wrong values are told at once, each with the place that set it', async () => {
  const file = yaml(
    'durability: most\ngateway:\n  host: 7\n  port: 70000\n  cors: [https://a/]\n  tls: { cert: a.pem }\n  query: 5\n',
  )
  const environment = { MILLRACE__LOG_LEVEL: 'loud', MILLRACE__GATEWAY__NO_AUTH: 'yes' }
  const flags = { 'gateway.grace': ['--grace', 'soon'] } as const
  assert.deepEqual(await problemsOf({ file, environment, flags }), [
    './millrace.yaml:7:10: gateway.query: expected a section with keys, got 5',
    "./millrace.yaml:1:13: durability: expected one of full, relaxed, got 'most'",
    "MILLRACE__LOG_LEVEL: log_level: expected one of trace, debug, info, warn, error, fatal, silent, got 'loud'",
    './millrace.yaml:3:9: gateway.host: expected text, got 7',
    './millrace.yaml:4:9: gateway.port: expected at most 65535, got 70000',
    './millrace.yaml:5:9: gateway.cors.0: expected an exact origin such as https://app.example, without a path',
    "MILLRACE__GATEWAY__NO_AUTH: gateway.no_auth: expected true or false, got 'yes'",
    "--grace: gateway.grace: expected a duration such as 500ms, 10s or 5m, got 'soon'",
    './millrace.yaml:6:16: gateway.tls: cert and key go together: set both or neither',
  ])
})

test('a key or a section without a value counts as not set', async () => {
  const { config } = await loadConfig({ file: yaml('store:\ngateway:\n'), environment: {} })
  assert.equal(config.store, 'sqlite:./millrace.db')
  assert.equal((await loadConfig({ file: yaml('# nothing yet\n'), environment: {} })).config.gateway.port, 4318)
})

test('aliases are followed', async () => {
  const file = yaml('store: &s "memory:"\ngateway: { host: *s }\n')
  assert.equal((await loadConfig({ file, environment: {} })).config.gateway.host, 'memory:')
})

test('a file that is missing, is no YAML or has no keys is wrong usage', async () => {
  assert.deepEqual(await problemsOf({ file: join(folder, 'none.yaml') }), [
    'configuration file ./none.yaml does not exist',
  ])
  assert.match((await problemsOf({ file: yaml('a: [1\nb: 2') })).join('\n'), /^\.\/millrace\.yaml:\d+:\d+: /)
  assert.match((await problemsOf({ file: yaml('- 1\n') })).join('\n'), /millrace\.yaml:1:1: expected keys and values/)
})

test('a file that cannot be read is a failure that names it', async () => {
  await assert.rejects(loadConfig({ file: folder, environment: {} }), /^Error: configuration file /)
})

test('settings of pipelines stand beside those of the gateway, and are read from the environment of the model', async () => {
  const file = yaml('checkpoint_interval_sec: 1\nrestarts: 1\nrecord_batch_size: 1\ngateway: { port: 1 }\n')
  const environment = {
    STREAMLING__RESTARTS: '2',
    STREAMLING__RECORD_BATCH_SIZE: '2',
    MILLRACE__RECORD_BATCH_SIZE: '3',
    STREAMLING__JOB_MODE: 'false',
    STREAMLING__STATE_BACKEND__SQLITE__DATABASE_PATH: './model.db',
    // not for us: the model has more settings than these, and the gateway has no model
    STREAMLING__KAFKA_SOURCE__BROKERS: 'localhost:9092',
    STREAMLING__GATEWAY__PORT: 'x',
    STREAMLING__LOG_LEVEL: 'x',
    STREAMLING__APPLICATION_ID: '',
  }
  const flags = { job_mode: ['--job-mode', true] } as const
  const { config } = await loadConfig({ file, environment, flags })
  const { checkpoint_interval_sec, restarts, record_batch_size, job_mode, application_id } = config
  assert.deepEqual([checkpoint_interval_sec, restarts, record_batch_size, job_mode], [1, 2, 3, true])
  assert.equal(application_id, 'local_app_v1')
  assert.equal(config.state_backend.sqlite.database_path, './model.db')
  assert.equal(config.gateway.port, 1)
  assert.equal((await loadSettings({ file, environment })).restarts, 2)
})

test('a wrong value names the variable of the model that set it', async () => {
  assert.deepEqual(await problemsOf({ environment: { STREAMLING__RESTARTS: 'many' } }), [
    "STREAMLING__RESTARTS: restarts: expected a number, got 'many'",
  ])
})

test('maps with names of your own are set name by name, from every layer', async () => {
  const file = yaml(
    'http_secret_value: { a: from-file, my.name: dots, __proto__: mine }\nplugin:\n  preprocessor_options: { acme.expand: { depth: 2, deep: { er: 1 } }, __proto__: { er: 1 } }\n',
  )
  const environment = {
    MILLRACE__HTTP_SECRET_VALUE__A: 'from-environment',
    MILLRACE__HTTP_SECRET_VALUE__TWO__PARTS: '12',
    STREAMLING__HTTP_SECRET_VALUE__B: 'model',
    MILLRACE__PLUGIN__PREPROCESSOR_OPTIONS__ACME__LIMIT: '5',
  }
  const { config } = await loadConfig({ file, environment })
  assert.deepEqual(Object.entries(config.http_secret_value).sort(), [
    ['a', 'from-environment'],
    ['b', 'model'],
    ['my.name', 'dots'],
    ['two__parts', '12'],
  ])
  assert.deepEqual(config.plugin.preprocessor_options, {
    'acme.expand': { depth: 2, deep: { er: 1 } },
    acme: { limit: '5' },
  })
  assert.equal(({} as Record<string, unknown>).er, undefined)
})

test('a map of your own that is none is refused where it stands', async () => {
  const file = yaml('http_secret_value: 5\nhttp_secret_header: { a: 5 }\n')
  assert.deepEqual(await problemsOf({ file, environment: { MILLRACE__HTTP_SECRET_VALUE__A: 'x' } }), [
    './millrace.yaml:2:26: http_secret_header.a: expected text, got 5',
    './millrace.yaml:1:20: http_secret_value: expected keys and values, got 5',
  ])
  assert.deepEqual(await problemsOf({ environment: { MILLRACE__PLUGIN__SIDE_OUTPUT_OPTIONS__ID: 'x' } }), [
    "MILLRACE__PLUGIN__SIDE_OUTPUT_OPTIONS__ID: plugin.side_output_options.id: expected keys and values, got 'x'",
  ])
})

test('options of plugins in the environment are theirs to read, and a misspelt setting is not', async () => {
  const options = { MILLRACE__PLUGIN__ACME_API__KEY: 'x', STREAMLING__PLUGIN__ACME_API__KEY: 'x' }
  assert.deepEqual((await loadConfig({ environment: options })).config.plugin.path, [])
  assert.deepEqual(await problemsOf({ environment: { MILLRACE__PLUGIN__PTAH: 'x' } }), [
    'MILLRACE__PLUGIN__PTAH: unknown key, did you mean MILLRACE__PLUGIN__PATH?',
  ])
})

test('what is shown hides the values of secrets, and keeps every name', async () => {
  const file = yaml('http_secret_header: { my.name: x-api-key }\nhttp_secret_value: { my.name: hunter2 }\n')
  const { settings } = await loadConfig({ file, environment: {} })
  for (const text of [asYaml(settings, true), asJson(settings, false), asJson(settings, true)]) {
    assert.doesNotMatch(text, /hunter2/)
    assert.match(text, /\*\*\*/)
    assert.match(text, /x-api-key/)
  }
  assert.match(asYaml(settings, true), /http_secret_value:\n {2}my\.name: "?\*\*\*"? # .*millrace\.yaml:2:31/)
})
