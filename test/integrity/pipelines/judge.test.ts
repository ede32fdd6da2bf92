import assert from 'node:assert/strict'
import { cpSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Database from 'better-sqlite3'
import { openSqlite } from '../../../gateway/store/sqlite/sqlite.ts'
import { tempDir } from '../../support/gateway.ts'
import { eventText } from '../clients/events.ts'
import { compare, expectedRows, judgeTables } from './judge.ts'
import { judgeLake } from './lake.ts'
import { intoLake } from './pipeline-file.ts'
import { startPipeline } from './pipeline-process.ts'

/** The control of pipelines-lose-nothing: what came out is broken on purpose, which must be found out. */

const dir = tempDir()
after(() => dir.remove())
const whole = join(dir.path, 'whole')

before(async () => {
  mkdirSync(whole)
  const path = join(whole, 'events.db')
  await (await openSqlite({ path })).close()
  const db = new Database(path)
  const addStream = db.prepare("insert into streams values (null, ?, '', 'http', '{}', '', 0, ?, 0, 0, null)")
  const addEvent = db.prepare('insert into events (stream_id, stream_index, received_at, payload) values (?, ?, 0, ?)')
  for (const key of ['a', 'b']) {
    const { lastInsertRowid } = addStream.run(key, 20)
    for (let n = 0; n < 20; n++) addEvent.run(lastInsertRowid, n, eventText(key, n))
  }
  db.close()
  writeFileSync(join(whole, 'pipeline.yaml'), intoLake)
  const job = startPipeline({ dir: whole, args: ['--job-mode'] })
  assert.equal(await job.exited, 0, job.log())
})

let copies = 0
function copied(): string {
  const copy = join(dir.path, String(copies++))
  cpSync(whole, copy, { recursive: true })
  return copy
}

function damaged(sql: string, file = 'out.db'): string[] {
  const copy = copied()
  const db = new Database(join(copy, file))
  db.exec(sql)
  db.close()
  return judgeTables(copy)
}

test('what a pipeline makes of 40 events has no violations', async () => {
  assert.deepEqual(judgeTables(whole), [])
  assert.deepEqual(await judgeLake(whole), [])
  assert.equal(expectedRows(whole).size, 40)
  assert.equal(expectedRows(whole).get(22), 'b 1 1 112 1')
})

const damages: [what: string, sql: string, found: RegExp[], file?: string][] = [
  ['an event is missing', 'delete from rows where event_id = 7', [/^table rows: 1 events are missing: 7$/]],
  [
    'an event stands twice',
    `create table twice as select * from rows; insert into twice select * from rows where event_id = 3;
     drop table rows; alter table twice rename to rows`,
    [/^table rows: 1 events are there twice: 3$/],
  ],
  [
    'a value differs',
    'update rows set n = 4 where event_id = 4',
    [/^table rows: 1 events are not what was sent: 4 \(a 3 4 125 3 instead of a 3 3 125 3\)$/],
  ],
  [
    'a row of no event',
    'insert into rows select 99, lane, place, n, pad, part from rows limit 1',
    [/^table rows: 1 events are not what was sent: 99 \(a 0 0 0 0 instead of nothing\)$/],
  ],
  [
    'an event that came after the pipeline had ended',
    `insert into events (stream_id, stream_index, received_at, payload) values (1, 20, 0, '${eventText('a', 20)}')`,
    [
      /^table rows: 1 events are missing: 41$/,
      /^table newest: 16 a 15 15 203 0 instead of 41 a 20 20 /,
      /^table totals: a 0 4 30 0 15 instead of a 0 5/,
    ],
    'events.db',
  ],
  [
    'an older row has replaced a newer one',
    "update newest set event_id = 6, place = 5, n = 5 where lane = 'a' and part = 0",
    [/^table newest: 6 a 5 5 203 0 instead of 16 a 15 15 203 0$/],
  ],
  ['a group has no newest row', "delete from newest where lane = 'b' and part = 4", [/^table newest: nothing instead/]],
  ['a group of nobody', "insert into newest select 9, 'c', 0, 0, 0, 0", [/^table newest: 11 rows instead of 10$/]],
  [
    'an event is counted twice',
    "update totals set events = 5 where lane = 'a' and part = 1",
    [/^table totals: a 1 5 /],
  ],
  ['a sum is wrong', "update totals set total = total + 1 where lane = 'b'", [/^table totals: b 0 4 31 0 15 instead/]],
  ['a least value is wrong', 'update totals set least = 0', [/^table totals: a 1 4 34 0 16 instead of a 1 4 34 1 16/]],
]
for (const [what, sql, found, file] of damages)
  test(`found out: ${what}`, () => {
    const violations = damaged(sql, file)
    assert.equal(violations.length, found.length, JSON.stringify(violations))
    for (const [at, pattern] of found.entries()) assert.match(violations[at]!, pattern)
  })

/** The only file of a partition. */
const fileOf = (folder: string, part: number) =>
  join(folder, 'lake', globSync(`part=${part}/*.parquet`, { cwd: join(folder, 'lake') })[0]!)

const fileDamages: [what: string, damage: (folder: string) => void, found: RegExp[]][] = [
  [
    'a file is gone',
    folder => rmSync(fileOf(folder, 2)),
    [/^files by name: 8 events are missing: 3, 8, 13, 18, 23$/, /^files by manifest: 8 events are missing/],
  ],
  [
    'a file lies there twice',
    folder => cpSync(fileOf(folder, 1), join(folder, 'lake/part=1/again.parquet')),
    [/^files by name: 8 events are there twice: /, /^files by manifest: 8 events are there twice: /],
  ],
  [
    'a file lies in another partition',
    folder => renameSync(fileOf(folder, 1), join(folder, 'lake/part=3/moved.parquet')),
    [
      /^files by name: 8 events are not what was sent: 2 \(a 1 1 112 3 instead of a 1 1 112 1\)/,
      /^files by manifest: 8 /,
    ],
  ],
  [
    'a staged file is seen by name',
    folder =>
      cpSync(fileOf(folder, 0), join(folder, globSync('lake/_millrace/*', { cwd: folder })[0]!, 'staged.parquet')),
    [
      /^files by name: 8 events are there twice/,
      /^files by name: 8 events are not/,
      /^a file at a strange place: .*staged/,
    ],
  ],
]
for (const [what, damage, found] of fileDamages)
  test(`found out: ${what}`, async () => {
    const copy = copied()
    damage(copy)
    const violations = await judgeLake(copy)
    assert.equal(violations.length, found.length, JSON.stringify(violations))
    for (const [at, pattern] of found.entries()) assert.match(violations[at]!, pattern)
  })

test('found out: rows that are missing, twice, and other ones at once, a few of each by name', () => {
  const wanted = new Map(Array.from({ length: 20 }, (_, id) => [id, `row ${id}`]))
  const found = [...wanted].slice(8)
  found.push([8, 'row 8'], [9, 'row'])
  assert.deepEqual(compare('it', wanted, found), [
    'it: 8 events are missing: 0, 1, 2, 3, 4',
    'it: 2 events are there twice: 8, 9',
    'it: 1 events are not what was sent: 9 (row instead of row 9)',
  ])
})
