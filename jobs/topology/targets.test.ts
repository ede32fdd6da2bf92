import assert from 'node:assert/strict'
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { problemsOf, settingsOf } from './topology.suite.ts'

function tempFolder(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-targets-')))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const check = (...sinks: string[]) =>
  problemsOf(`
sources: { rows: { type: desk.rows, columns: [id, n], primary_key: id } }
sinks:
${sinks.map(sink => `  ${sink}`).join('\n')}
`)

const plain = (name: string, path: string, table: string) =>
  `${name}: { type: sqlite, from: rows, path: ${path}, table: ${table} }`
const sums = (name: string, path: string, landing: string, agg: string) =>
  `${name}: { type: sqlite_aggregate, from: rows, path: ${path}, landing_table: ${landing}, agg_table: ${agg}, aggregate: { n: { fn: sum } } }`

test('two sinks on one table are refused at the key of the second, in any spelling of name and path', async t => {
  const folder = tempFolder(t)
  mkdirSync(join(folder, 'real'))
  symlinkSync('real', join(folder, 'link'))
  const problems = await check(
    plain('a', `${folder}/real/new/o.db`, 'Orders'),
    plain('b', `${folder}/link/x/../new/./o.db`, 'oRDERS'),
  )
  assert.equal(problems.length, 1)
  assert.match(problems[0]!, /^5:\d+: sinks 'a' and 'b' both write to table "oRDERS" of \/.*\/real\/new\/o\.db: name/)
  assert.deepEqual(readdirSync(join(folder, 'real')), [])
})

test('each sink beyond the first is told with the first', async t => {
  const path = join(tempFolder(t), 'o.db')
  const problems = await check(plain('a', path, 't'), plain('b', path, 't'), plain('c', path, 't'))
  assert.deepEqual(
    problems.map(problem => /sinks '\w' and '\w'/.exec(problem)?.[0]),
    ["sinks 'a' and 'b'", "sinks 'a' and 'c'"],
  )
})

test('the tables of an aggregate are its own, both of them', async t => {
  const path = join(tempFolder(t), 'o.db')
  const problems = await check(
    plain('rows_of', path, 'landed'),
    sums('one', path, 'LANDED', 'totals'),
    sums('two', path, 'totals', 'more'),
  )
  assert.equal(problems.length, 2)
  assert.match(problems[0]!, /sinks 'rows_of' and 'one' both write to table "LANDED"/)
  assert.match(problems[1]!, /sinks 'one' and 'two' both write to table "totals"/)
})

test('two names of one file meet in its inode', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'o.db'), '')
  linkSync(join(folder, 'o.db'), join(folder, 'same.db'))
  assert.match(
    (await check(plain('a', `${folder}/o.db`, 't'), plain('b', `${folder}/same.db`, 't'))).join(),
    /sinks 'a' and 'b' both write/,
  )
})

test('other tables of a file, one table of other files, and letters that SQLite tells apart are right', async t => {
  const folder = tempFolder(t)
  const problems = await check(
    plain('a', `${folder}/o.db`, 't'),
    plain('b', `${folder}/o.db`, 'u'),
    plain('c', `${folder}/p.db`, 't'),
    plain('d', `${folder}/o.db`, 'é'),
    plain('e', `${folder}/o.db`, 'É'),
    sums('f', `${folder}/o.db`, 'l', 's'),
  )
  assert.deepEqual(problems, [])
})

test('a path that is wrong is told once, by its sink', async () => {
  const problems = await check(plain('a', 'sqlite:o.db', 't'))
  assert.equal(problems.length, 1)
  assert.match(problems[0]!, /is a URL, and path names a file/)
})

test('tables of Postgres are told apart by server, database and schema', async () => {
  const pg = (name: string, schema: string, table: string) =>
    `${name}: { type: postgres, from: rows, schema: ${schema}, table: ${table} }`
  const settings = settingsOf({
    postgres_sink: { host: 'db', db: 'app', pass: 'sekret' },
    postgres_sink_connections: { elsewhere: { db: 'other' } },
  })
  const text = (...sinks: string[]) => `
sources: { rows: { type: desk.rows, columns: [id, n], primary_key: id } }
sinks:
${sinks.map(sink => `  ${sink}`).join('\n')}
`
  const found = (...sinks: string[]) => problemsOf(text(...sinks), { settings, connect: true, unreachable: 'warning' })
  const shared = (problems: readonly string[]) => problems.filter(problem => problem.includes('both write'))
  assert.deepEqual(
    shared(
      await found(pg('a', 'public', 't'), pg('b', 'public', 'T'), pg('c', 'app', 't'), pg('elsewhere', 'public', 't')),
    ),
    [],
  )
  const [problem, ...more] = shared(await found(pg('a', 'public', 't'), pg('b', 'public', 't')))
  assert.match(
    problem!,
    /sinks 'a' and 'b' both write to table "t" of schema public of postgres:\/\/db:5432\/app: name another/,
  )
  assert.deepEqual(more, [])
})
