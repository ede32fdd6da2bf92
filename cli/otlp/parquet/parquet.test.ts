import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { run, temporaryFolder } from '../../harness/command.suite.ts'
import { badLog, gauge, lines, logs, metrics, spanIds, spans } from '../otlp.suite.ts'

const folder = temporaryFolder()
after(folder.remove)

function file(name: string, content: string): string {
  const path = join(folder.path, name)
  writeFileSync(path, content)
  return path
}

const target = (name: string) => join(folder.path, name)
const toParquet = (args: string[]) => run(['otlp', ...args], { cwd: folder.path })
const isThere = (name: string) => readdirSync(folder.path).includes(name)
/** What lies in the folder of the work, which has a name with a dot. */
const leftOver = () => readdirSync(folder.path).filter(name => name.startsWith('.'))

async function select(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

test('one table becomes the file that was named, in order, compressed with zstd', async () => {
  const bodies = Array.from({ length: 3000 }, (_, k) => `body ${k} "\u0000\u2028é`)
  const path = file('logs.jsonl', lines([logs(bodies), logs(['last'], 'shop')]))
  const to = target("it's.parquet")
  const { code, stdout, stderr } = await toParquet([path, '--to', to, '--json'])
  assert.equal(code, 0, stderr)
  const { tables, records, accepted } = JSON.parse(stdout)
  assert.deepEqual([tables, records, accepted], [[{ table: 'otlp_logs', rows: 3001, path: to }], 3001, 3001])
  const name = to.replaceAll("'", "''")
  const rows = await select(`select body, service_name, epoch_ns(time_unix_nano) as ns, log_attributes from '${name}'`)
  assert.deepEqual(
    rows.map(row => row.body),
    [...bodies, 'last'],
  )
  assert.deepEqual(rows[3000], { body: 'last', service_name: 'shop', ns: '1', log_attributes: null })
  const stored = await select(`select distinct compression from parquet_metadata('${name}')`)
  assert.deepEqual(stored, [{ compression: 'ZSTD' }])
  assert.deepEqual(leftOver(), [])
})

const most = 2n ** 64n - 1n
const histogram = {
  timeUnixNano: '1700000000123456789',
  count: String(most),
  sum: 'NaN',
  bucketCounts: [String(most), '9007199254740993'],
  explicitBounds: [0.1, 'Infinity'],
}

test('several tables become a file each, with exact numbers', async () => {
  const list = [
    gauge('g', { timeUnixNano: '9223372036854775806', asInt: '-9223372036854775808', flags: 4294967295 }),
    { name: 's', sum: { dataPoints: [{ asDouble: '-Infinity' }], isMonotonic: true, aggregationTemporality: 2 } },
    { name: 'h', histogram: { dataPoints: [histogram] } },
    { name: 'q', summary: { dataPoints: [{ count: '1', quantileValues: [{ quantile: 0.5, value: 'NaN' }] }] } },
    { name: 'e', exponentialHistogram: { dataPoints: [{ scale: -2, positive: { bucketCounts: [String(most)] } }] } },
  ]
  const path = file('all.json', JSON.stringify([metrics(list)]))
  const { code, stderr } = await toParquet([path, '--to', target('m.parquet')])
  assert.equal(code, 0, stderr)
  assert.ok(!isThere('m.parquet'))
  const one = async (table: string, columns: string) =>
    (await select(`select ${columns} from '${target(`m.otlp_metrics_${table}.parquet`)}'`))[0]
  assert.deepEqual(await one('gauge', 'epoch_ns(time_unix_nano) as ns, start_time_unix_nano as s, int_value, flags'), {
    ns: '9223372036854775806',
    s: null,
    int_value: '-9223372036854775808',
    flags: 4294967295,
  })
  assert.deepEqual(await one('sum', 'double_value::varchar as v, is_monotonic, aggregation_temporality as t'), {
    v: '-inf',
    is_monotonic: true,
    t: 2,
  })
  assert.deepEqual(
    await one('histogram', 'count, sum::varchar as s, bucket_counts as b, explicit_bounds::varchar as e'),
    { count: String(most), s: 'nan', b: [String(most), '9007199254740993'], e: '[0.1, inf]' },
  )
  assert.deepEqual(await one('summary', 'quantile_values::varchar as q, count'), {
    q: "[{'quantile': 0.5, 'value': nan}]",
    count: '1',
  })
  assert.deepEqual(await one('exp_histogram', 'scale, positive_bucket_counts as p, negative_bucket_counts as n'), {
    scale: -2,
    p: [String(most)],
    n: null,
  })
})

test('attributes that the configuration promotes have a column', async () => {
  const config = file('millrace.yaml', 'otlp: { promote_resource_attributes: [service.name] }\n')
  const path = file('p.json', JSON.stringify(logs(['a'])))
  assert.equal((await toParquet([path, '--config', config, '--to', target('p.parquet')])).code, 0)
  assert.deepEqual(await select(`select resource_attr_service_name as p from '${target('p.parquet')}'`), [
    { p: 'cart' },
  ])
})

test('a file with a refused record fails, and nothing is written or left over', async () => {
  const good = file('good.json', JSON.stringify(logs(['a'])))
  const bad = file('bad.jsonl', lines([logs(['b']), badLog]))
  const { code, stdout, stderr } = await toParquet([good, bad, '--to', target('none.parquet'), '--json'])
  assert.equal(code, 1)
  assert.match(stderr, /bad\.jsonl:2: record 0: traceId is "abc"/)
  const { tables, accepted, error } = JSON.parse(stdout)
  assert.deepEqual([tables, accepted], [[], 0])
  assert.match(error, /bad\.jsonl:2/)
  assert.deepEqual([isThere('none.parquet'), leftOver()], [false, []])
})

test('with --on-error skip refused records are listed and counted, and the others written', async () => {
  const late = {
    resourceSpans: spans(['late'], { ...spanIds, startTimeUnixNano: '9223372036854775807' }).resourceSpans,
  }
  const path = file('some.jsonl', `${lines([spans(['a']), spans(['b'], {})])}oops\n${lines([late])}`)
  const { code, stderr } = await toParquet([path, '--to', target('some.parquet'), '--on-error', 'skip'])
  assert.equal(code, 0, stderr)
  assert.match(stderr, /some\.jsonl:2: record 0: traceId, spanId is missing; it is left out\n/)
  assert.match(stderr, /some\.jsonl:3: record 0: the line is broken at column 1: .*; it is left out\n/)
  assert.match(stderr, /some\.jsonl: record 3: start_time_unix_nano 9223372036854775807 is above .*; it is left out\n/)
  assert.match(stderr, /1 records written in .*, 3 were refused/)
  assert.deepEqual(await select(`select name from '${target('some.parquet')}'`), [{ name: 'a' }])
})

test('a time that Parquet cannot hold fails its file', async () => {
  const path = file('late.json', JSON.stringify(spans(['late'], { ...spanIds, startTimeUnixNano: String(most) })))
  const { code, stderr } = await toParquet([path, '--to', target('late.parquet')])
  assert.equal(code, 1)
  assert.match(stderr, /late\.json: record 0: start_time_unix_nano 18446744073709551615 is above .* --on-error skip/)
  assert.deepEqual([isThere('late.parquet'), leftOver()], [false, []])
})

test('a file that is there is replaced, and kept where the import fails', async () => {
  const path = file('again.jsonl', lines([logs(['old'])]))
  const args = [path, '--to', target('again.parquet')]
  const bodies = () => select(`select body from '${target('again.parquet')}'`)
  assert.equal((await toParquet(args)).code, 0)
  file('again.jsonl', lines([logs(['new'])]))
  assert.equal((await toParquet(args)).code, 0)
  assert.deepEqual(await bodies(), [{ body: 'new' }])
  file('again.jsonl', lines([badLog]))
  assert.equal((await toParquet(args)).code, 1)
  assert.deepEqual(await bodies(), [{ body: 'new' }])
})

test('without records nothing is written, and a folder that is not there is told', async () => {
  const path = file('empty.json', '{}')
  const { code, stderr } = await toParquet([path, '--to', target('empty.parquet')])
  assert.equal(code, 0)
  assert.match(stderr, /empty\.json: no records/)
  assert.ok(!isThere('empty.parquet'))
  const gone = await toParquet([path, '--to', target('gone/a.parquet')])
  assert.equal(gone.code, 1)
  assert.match(gone.stderr, /^millrace: write \S+gone\/a\.parquet: ENOENT/)
})

test('DuckDB is loaded only once there is something to write', () => {
  const cli = fileURLToPath(new URL('../../', import.meta.url))
  const loading = readdirSync(cli, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .filter(name => /^import (?!type ).*'@duckdb/m.test(readFileSync(join(cli, name), 'utf8')))
  assert.deepEqual(loading, [])
})
