import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Database from 'better-sqlite3'
import { repository, tempDir } from '../../support/gateway.ts'
import { eventText } from './events.ts'
import { judge } from './judge.ts'
import { type LedgerWriter, openLedger, readLedger } from './ledger.ts'

/** The control of clients-lose-nothing: stores that are broken on purpose must be found out. */

const dir = tempDir()
after(() => dir.remove())
const store = join(dir.path, 'whole.db')
const lanes = ['a', 'b'].map(key => ({ key, ledger: join(dir.path, `${key}.ledger`) }))

const db = new Database(store)
db.exec(readFileSync(join(repository, 'schema.sql'), 'utf8'))
const addStream = db.prepare("insert into streams values (null, ?, '', 'http', '{}', '', 0, ?, 0, 0, null)")
const addEvent = db.prepare('insert into events (stream_id, stream_index, received_at, payload) values (?, ?, 0, ?)')
for (const { key, ledger } of lanes) {
  // two processes that were killed, one while it gave 4 to `send` and one right after it gave 7, and the last one
  const stored = [0, 1, 2, 3, 5, 6, 7, 8, 9]
  live(ledger, writer => range(0, 5).forEach(writer.trying))
  live(ledger, writer => {
    range(writer.next, 8).forEach(writer.trying)
    writer.mark('certain')
  })
  live(ledger, writer => {
    range(writer.next, 10).forEach(writer.trying)
    writer.mark('flushed')
  })
  const { lastInsertRowid } = addStream.run(key, stored.length)
  for (const [at, n] of stored.entries()) addEvent.run(lastInsertRowid, at, eventText(key, n))
}
db.close()

const of = (key: string) => `(select stream_id from streams where stream_key = '${key}')`
const at = (key: string, index: number) => `stream_id = ${of(key)} and stream_index = ${index}`

/** Makes room at a position and puts an event there. */
const insert = (index: number, n: number) => `
  update events set stream_index = -1 - stream_index where stream_id = ${of('b')} and stream_index >= ${index};
  update events set stream_index = -stream_index where stream_index < 0;
  update events set event_id = event_id + 1000 where stream_id = ${of('b')} and stream_index > ${index};
  insert into events (event_id, stream_id, stream_index, received_at, payload)
    values (999, ${of('b')}, ${index}, 0, '${eventText('b', n)}');
  update streams set count = count + 1 where stream_key = 'b'`

/** Takes the event at a position away without a trace. */
const remove = (index: number) => `
  delete from events where ${at('b', index)};
  update events set stream_index = -stream_index where stream_id = ${of('b')} and stream_index > ${index};
  update events set stream_index = -1 - stream_index where stream_index < 0;
  update streams set count = count - 1 where stream_key = 'b'`

function judged(sql: string): ReturnType<typeof judge> {
  const copy = join(dir.path, 'copy.db')
  copyFileSync(store, copy)
  const changed = new Database(copy)
  changed.exec(sql)
  changed.close()
  return judge(copy, lanes)
}

test('a store that kept every promise has no violations, and everything is counted', () => {
  assert.deepEqual(judged(''), { violations: [], accepted: 18, unknown: 2, unknownStored: 0, stored: 18 })
})

test('an event of unknown outcome may be stored, at its place', () => {
  assert.deepEqual(judged(insert(4, 4)), { violations: [], accepted: 18, unknown: 2, unknownStored: 1, stored: 19 })
})

const damages: [what: string, sql: string, found: RegExp][] = [
  ['a hole', remove(3), /^b: expected event 3 at 3, stored at 3 is .*"n":5/],
  ['an event that a dying process was certain of is missing', remove(6), /^b: expected event 7 at 6/],
  ['the last event is missing', remove(8), /^b: 1 accepted events are missing at the end, from 9 on/],
  ['an event stands twice', insert(2, 1), /^b: expected event 2 at 2, stored at 2 is .*"n":1,/],
  ['one of unknown outcome stands twice', `${insert(4, 4)};${insert(4, 4).replace('999', '998')}`, /^b: expected/],
  ['one of unknown outcome stands at another place', insert(6, 4), /^b: expected event 7 at 6/],
  ['an event more at the end', insert(9, 9), /^b: expected nothing more, stored at 9 is .*"n":9/],
  [
    'two have changed places',
    `update events set stream_index = 99 where ${at('a', 1)};
     update events set stream_index = 1 where ${at('a', 2)};
     update events set stream_index = 2 where ${at('a', 99)}`,
    /^a: expected event 1 at 1, stored at 2/,
  ],
  ['a byte differs', `update events set payload = payload || ' ' where ${at('a', 0)}`, /^a: expected event 0 at 0/],
  ['a count is too high', "update streams set count = count + 1 where stream_key = 'a'", /^a: the count is 10/],
  ['a lane is missing', `delete from events; delete from streams where stream_key = 'a'`, /^a: 9 accepted events/],
  ['a stream of nobody', `insert into streams select null, 'c', '', 'http', '{}', '', 0, 0, 0, 0, null`, /^stream c/],
  ['events in no stream', `update events set stream_id = 77 where ${at('b', 8)}`, /18 events, 17 of them/],
  [
    'a dead letter',
    `insert into dead_letters values (1, 1, 99, 0, 'bad_event', '', 0, x'', 'event')`,
    /1 dead letters/,
  ],
]
for (const [what, sql, found] of damages)
  test(`found out: ${what}`, () => {
    const { violations } = judged(sql)
    assert.ok(
      violations.some(text => found.test(text)),
      `not found: ${JSON.stringify(violations)}`,
    )
  })

test('found out: a producer that did not come to its end', () => {
  const ledger = join(dir.path, 'cut.ledger')
  copyFileSync(lanes[1]!.ledger, ledger)
  appendFileSync(ledger, 'restart\n')
  live(ledger, writer => writer.trying(10))
  assert.equal(readLedger(ledger).flushed, false)
  const { violations } = judge(store, [lanes[0]!, { key: 'b', ledger }])
  assert.deepEqual(violations, ['b: the producer did not come to its end'])
})

test('a ledger with half a record is an error, since none can come about', () => {
  const ledger = join(dir.path, 'half.ledger')
  appendFileSync(ledger, '0000000\n00000')
  assert.throws(() => readLedger(ledger), /ends in half a record/)
})

function live(ledger: string, work: (writer: LedgerWriter) => void): void {
  const writer = openLedger(ledger)
  work(writer)
  writer.close()
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, k) => from + k)
}
