import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Database from 'better-sqlite3'
import { startGateway, tempDir } from '../../../support/gateway.ts'
import { overHttp } from './http.ts'
import { judge } from './judge.ts'
import { atLeastOnce, exactlyOnce, type Lane } from './lane.ts'

/** The control of the kill test: stores that are broken on purpose must be found out. */

const dir = tempDir()
const ledger = join(dir.path, 'ledger.ndjson')
const store = join(dir.path, 'whole.db')
const exact = 'any-once-http-judged'
const least = 'any-least-http-judged'
const requests = 12

before(async () => {
  const gateway = await startGateway(['--store', `sqlite:${store}`, '--port', '0', '--log-level', 'error'])
  const http = Number(new URL(gateway.url).port)
  const lane = (name: string): Lane => {
    let left = requests
    // never again what is known to be stored
    return { name, rnd: () => 0.9, ports: { http, grpc: 0 }, ledger, finishing: () => left-- === 0 }
  }
  await exactlyOnce(lane(exact), overHttp(lane(exact)))
  await atLeastOnce(lane(least), overHttp(lane(least), least))
  await gateway.end()
})
after(() => dir.remove())

test('a store that kept every promise has no violations', () => {
  assert.deepEqual(judge(store, ledger).violations, [])
})

const metrics = ['gauge', 'sum', 'histogram', 'exp_histogram', 'summary'].map(kind => `otlp_metrics_${kind}`)
const tables = ['otlp_logs', 'otlp_traces', ...metrics, 'dead_letters']
const streamOf = (key: string) => `(select stream_id from streams where stream_key = '${key}')`

/** Takes positions away from the end of a stream, as if they had never been there. */
const cutTo = (key: string, count: string) => `
  update streams set count = ${count} where stream_key = '${key}';
  ${tables
    .map(
      table => `delete from ${table} where stream_id = ${streamOf(key)}
        and stream_index >= (select count from streams where stream_key = '${key}');`,
    )
    .join('\n')}`

const damages: [what: string, sql: string, found: RegExp][] = [
  [
    'a record of a request is missing',
    `delete from otlp_metrics_sum where record_id = (select min(record_id) from otlp_metrics_sum)`,
    /the count is \d+, stored are \d+/,
  ],
  ['a refused record left no dead letter', 'delete from dead_letters', /the count is \d+, stored are \d+/],
  ['an acknowledged request is gone', cutTo(exact, '0'), /was acknowledged, stored are 0/],
  ['an acknowledged request without an offset is gone', cutTo(least, '0'), /was acknowledged, and is not stored/],
  ['a request ends in its middle', cutTo(least, 'count - 1'), /it ends with record/],
  [
    'requests stand in another stream',
    `update streams set stream_key = 'other' where stream_key = '${exact}'`,
    /stands as number 0 of other/,
  ],
  [
    'a request stands twice',
    `insert into streams (stream_key, transport, headers, remote_addr, count, opened_at, last_at)
       select 'again', '', '{}', '', count, 0, 0 from streams where stream_key = '${least}';
     ${tables.map(copyTo).join('\n')}`,
    /was sent 1 times, and is stored 2 times/,
  ],
  [
    'a time is a nanosecond off',
    'update otlp_logs set time_unix_nano = time_unix_nano + 1 where record_id = 1',
    /has the time 18\d+ and the label/,
  ],
  [
    'a row stands at the position of another',
    `update otlp_logs set stream_index = -1 where record_id = 1;
     update otlp_logs set stream_index = stream_index - 1 where record_id = 2;
     update otlp_logs set stream_index = (select stream_index + 1 from otlp_logs where record_id = 2) where record_id = 1`,
    /is missing, there is/,
  ],
]

/** Copies the rows of the stream without offsets into the stream `again`. */
function copyTo(table: string): string {
  const key = table === 'dead_letters' ? 'dead_letter_id' : 'record_id'
  return `create temp table copy as select * from ${table} where stream_id = ${streamOf(least)};
    update copy set stream_id = ${streamOf('again')}, ${key} = null;
    insert into ${table} select * from copy; drop table copy;`
}

for (const [what, sql, found] of damages)
  test(`it is found out where ${what}`, () => {
    const damaged = join(dir.path, 'damaged.db')
    copyFileSync(store, damaged)
    const db = new Database(damaged)
    db.exec(sql)
    db.close()
    assert.match(judge(damaged, ledger).violations.join('\n'), found)
  })
