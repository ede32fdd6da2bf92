import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { RowByHand } from '../../../core/otlp/records.suite.ts'
import { otlpTableNames } from '../../../core/otlp/tables.ts'
import { byHand, deadAt, logsOf, manyRows, payloadsOf, promoted, requestOf } from '../records.suite.ts'
import { appendOf } from '../store.suite.ts'
import type { AppendRequest } from '../store.ts'
import { createCatalog } from './catalog.ts'
import { openForWriting } from './database.ts'
import { openFor, stored, tempFolder } from './faults.suite.ts'
import { buffersOf, decodeOutcome, encodeGroup } from './group.ts'
import { openGuest } from './guest.ts'
import { createWriter } from './writer.ts'

const groupOf = (...requests: AppendRequest[]) => encodeGroup(requests.map(request => ({ request })))
const digest = new Uint8Array(16).fill(1)

function openWriter(t: TestContext) {
  const path = join(tempFolder(t), 'a.db')
  const db = openForWriting(path, 'full', 5000, promoted)
  t.after(() => db.close())
  const rowsIn = (table: string) => db.prepare(`select count(*) from ${table}`).pluck().get() as number
  return { path, db, writer: createWriter(db, promoted), catalog: createCatalog(db), rowsIn }
}

test('a request whose COMMIT failed has left nothing in any table, and the same group can be applied again', t => {
  const { db, writer, rowsIn } = openWriter(t)
  writer.apply(groupOf(requestOf('k', byHand(logsOf(['before'])))))
  const all = ['otlp_logs', 'otlp_metrics_sum', 'dead_letters', 'otlp_requests', 'events', 'streams']
  const before = all.map(rowsIn)
  // a broken reference shows at the COMMIT only
  db.exec(`create table parents (id integer primary key);
           create table children (id integer references parents deferrable initially deferred);
           create trigger orphan after insert on otlp_requests begin insert into children values (1); end`)
  const group = groupOf(
    requestOf('k', byHand(manyRows(50), [deadAt(50)]), { offset: 1, digest }),
    appendOf('other', ['1']),
  )
  assert.throws(() => writer.apply(group), /FOREIGN KEY/)
  assert.equal(writer.uncertain?.events, 51)
  assert.equal(writer.wasStored(group, writer.uncertain), false)
  assert.deepEqual(all.map(rowsIn), before)
  db.exec('drop trigger orphan')
  const applied = writer.apply(group)
  const { streamId } = decodeOutcome(applied.results, 0)
  assert.deepEqual(decodeOutcome(applied.results, 0), {
    ok: true,
    streamId,
    epoch: 0,
    count: 52,
    accepted: 50,
    duplicates: 0,
    rejected: 1,
  })
  assert.equal(createWriter(db).wasStored(group, applied), true)
  assert.deepEqual(all.map(rowsIn), [44, 7, 1, 1, 1, 2])
})

test('a group of repetitions stores nothing, and of two equal requests in one group the second is duplicates', t => {
  const { writer, rowsIn } = openWriter(t)
  const request = () => requestOf('k', byHand(logsOf(['a', 'b'])), { offset: 0, digest })
  const { results } = writer.apply(groupOf(request(), request(), requestOf('k', byHand(logsOf(['c'])), { offset: 1 })))
  assert.deepEqual(
    [0, 1].map(item => {
      const outcome = decodeOutcome(results, item)
      return outcome.ok && [outcome.accepted, outcome.duplicates, outcome.count]
    }),
    [
      [2, 0, 2],
      [0, 2, 2],
    ],
  )
  const third = decodeOutcome(results, 2)
  assert.deepEqual([third.ok, !third.ok && third.code], [false, 'conflict'])
  const again = groupOf(request())
  assert.equal(writer.wasStored(again, writer.apply(again)), false)
  assert.equal(rowsIn('otlp_logs'), 2)
})

test('rows that agree in ever other columns are stored as they are', t => {
  const { writer, catalog } = openWriter(t)
  const names = [
    'trace_id',
    'span_id',
    'severity_text',
    'event_name',
    'body',
    'scope_name',
    'scope_version',
    'schema_url',
  ]
  // each request has rows that differ in another set of columns
  const rowsOf = (set: number): RowByHand[] =>
    Array.from({ length: 26 }, (_, k) => ({
      table: 'otlp_logs',
      row: Object.fromEntries(names.map((name, bit) => [name, (set >> bit) & 1 ? `${set} ${k}` : `${set}`])),
    }))
  const sets = Array.from({ length: 150 }, (_, k) => (k * 37) % 256)
  for (const set of sets) writer.apply(groupOf(requestOf('k', byHand(rowsOf(set)))))
  const { stream_id } = catalog.getStream({ tenant: '', key: 'k' })!
  assert.deepEqual(
    catalog.readStream(stream_id, 0, 10_000).events.map(e => e.payload),
    sets.flatMap(set => payloadsOf(byHand(rowsOf(set)))),
  )
})

test('positions that do not ascend are those of their rows all the same', t => {
  const { writer, catalog } = openWriter(t)
  const at = (k: number) => (k < 20 ? [1, 0, 3, 2][k % 4]! + (k - (k % 4)) : k)
  const rows = Array.from(
    { length: 40 },
    (_, k): RowByHand => ({ table: 'otlp_logs', at: at(k), row: { body: `${at(k)}` } }),
  )
  writer.apply(groupOf(requestOf('k', byHand(rows))))
  assert.deepEqual(
    catalog.readStream(1, 0, 100).events.map(e => e.payload),
    rows.map((_, k) => `{"table":"otlp_logs","body":"${k}"}`),
  )
})

test('what is stored of a group is told with each row’s share of its texts: the log grows by it', t => {
  const { writer } = openWriter(t)
  const rows = logsOf(Array(1000).fill('b'), { resource_attributes: `{"a":"${'x'.repeat(992)}"}` })
  const group = groupOf(requestOf('k', byHand(rows)), appendOf('k', ['123']))
  assert.ok(group.size < 400_000, `the group itself has ${group.size} bytes`)
  assert.equal(writer.apply(group).bytes, 1000 * 1001 + 3)
})

test('arrays that lie in larger buffers travel without them', () => {
  const body = Buffer.alloc(1 << 20)
  const dead = [0, 1].map(at => ({ ...deadAt(at), raw: body.subarray(at, at + 10) }))
  const records = byHand(
    logsOf(['a']).map(row => ({ ...row, at: 2 })),
    dead,
  )
  const pool = new Uint8Array(1 << 20).fill(97).subarray(0, 1)
  const group = groupOf(requestOf('k', { ...records, pool }, { offset: 0, digest: body.subarray(0, 16) }))
  const buffers = buffersOf(group)
  assert.equal(new Set(buffers).size, buffers.length)
  assert.ok(buffers.reduce((bytes, buffer) => bytes + buffer.byteLength, 0) < 1000)
  assert.equal(group.records[0]!.digest!.buffer.byteLength, 16)
  assert.ok(structuredClone(group, { transfer: buffers }).records[0]!.records.dead.every(d => d.raw.length === 10))
})

test('a delete goes over all tables in slices', t => {
  const { writer, catalog, rowsIn } = openWriter(t)
  const rows = otlpTableNames.flatMap(table => Array.from({ length: 4000 }, () => ({ table, row: {} })))
  const dead = Array.from({ length: 2000 }, (_, k) => deadAt(rows.length + k))
  writer.apply(groupOf(requestOf('gone', byHand(rows, dead), { offset: 0, digest })))
  writer.apply(groupOf(requestOf('stays', byHand(logsOf(['a']), [deadAt(1)]), { offset: 0, digest })))
  const id = catalog.beginDelete({ tenant: '', key: 'gone' })!
  let slices = 1
  while (catalog.deleteSlice(id)) slices++
  t.diagnostic(`${slices} slices`)
  assert.ok(slices > 1)
  const left = [...otlpTableNames, 'dead_letters', 'otlp_requests', 'streams'].map(rowsIn)
  assert.deepEqual(left, [1, 0, 0, 0, 0, 0, 0, 1, 1, 1])
})

test('a guest reads records beside the gateway, and cannot retry a refused one', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path, { promote: promoted })
  stored(await store.append(requestOf('k', byHand(logsOf(['a']), [deadAt(1)]))))
  const guest = await openGuest(path)
  t.after(() => guest.close())
  assert.deepEqual(
    (await guest.readStream(1, 0, 10)).events.map(e => e.payload),
    ['{"table":"otlp_logs","body":"a"}'],
  )
  await assert.rejects(guest.retryDeadLetter(1, Buffer.from('1')), { code: 'not_supported' })
  assert.equal((await guest.listDeadLetters({ limit: 10 })).letters.length, 1)
})
