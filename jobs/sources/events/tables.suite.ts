import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RowByHand } from '../../../core/otlp/records.suite.ts'
import type { DeadRecord } from '../../../core/otlp/records.ts'
import { otlpTableNames } from '../../../core/otlp/tables.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import type { Position } from '../../runtime/contract.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { append, collect, type MakeStore, openFor, readAll, record } from './harness.suite.ts'

const bounded = { mode: { type: 'bounded' } }

/** What the source promises of every kind of store: the values of its tables, positions, and following. */
export function tablesSuite(kind: string, make: MakeStore, skip: string | false = false): void {
  describe(`tables of ${kind}`, { skip }, () => {
    test('every value of an OpenTelemetry table is exact: unsigned 64 bits, NaN, infinities, nulls, promoted columns, NULs', async t => {
      const own = await make(t)
      const store = await own.open({ promote: ['host.name'] })
      const table = 'otlp_metrics_histogram'
      const rows: RowByHand['row'][] = [
        {
          time_unix_nano: 2n ** 64n - 1n,
          count: 9007199254740993n,
          sum: 'NaN',
          min: -Infinity,
          max: 0.1,
          aggregation_temporality: 2,
          bucket_counts: '[1,2]',
          resource_attr_host_name: 'a\u0000ü',
          name: 'n\uffff\uffff0\u00000',
          metric_attributes: '{"a":"\uffff0"}',
        },
        {
          time_unix_nano: 2n ** 63n - 1n,
          count: 0,
          sum: 5e-324,
          min: Number.MAX_VALUE,
          max: Infinity,
          name: '',
          metric_attributes: '{}',
        },
        { aggregation_temporality: -7, count: 10n ** 16n },
      ]
      await record(
        store,
        'k',
        rows.map(row => ({ table, row })),
        { promote: ['host.name'] },
      )
      const columns =
        'record_id,stream_key,received_at,time_unix_nano,count,sum,min,max,aggregation_temporality,bucket_counts,resource_attr_host_name,name,metric_attributes'
      const source = await openFor(t, { store: own.url, table, columns, ...bounded })
      assert.deepEqual(
        source.schema.fields.slice(3, 7).map(field => nameOf(field.type)),
        ['uint64', 'uint64', 'float64', 'float64'],
      )
      assert.deepEqual(source.primaryKey, ['record_id'])
      const reader = source.read(await source.start())
      const { batch, position } = (await reader.next())!
      await reader.close()
      const read = (name: string) => [0, 1, 2].map(row => batch.getChild(name)!.get(row))
      assert.deepEqual(read('time_unix_nano'), [2n ** 64n - 1n, 2n ** 63n - 1n, null])
      assert.deepEqual(read('count'), [9007199254740993n, 0n, 10n ** 16n])
      assert.deepEqual(read('sum'), [Number.NaN, 5e-324, null])
      assert.deepEqual(read('min'), [-Infinity, Number.MAX_VALUE, null])
      assert.deepEqual(read('max'), [0.1, Infinity, null])
      assert.deepEqual(read('aggregation_temporality'), [2n, null, -7n])
      assert.deepEqual(read('bucket_counts'), ['[1,2]', null, null])
      assert.deepEqual(read('resource_attr_host_name'), ['a\u0000ü', null, null])
      assert.deepEqual(read('name'), ['n\uffff\uffff0\u00000', '', null])
      assert.deepEqual(read('metric_attributes'), ['{"a":"\uffff0"}', '{}', null])
      assert.deepEqual(position, { [table]: { position: 3, received_at: 1_700_000_000_123_456 } })
      assert.match(jsonLines(batch)[0]!, /"received_at":"2023-11-14T22:13:20.123456Z"/)
    })

    test('all columns of all tables can be read', async t => {
      const own = await make(t)
      const store = await own.open({ promote: ['host.name'] })
      await record(
        store,
        'k',
        otlpTableNames.map(table => ({ table, row: { schema_url: table, resource_attr_host_name: 'h' } })),
        { promote: ['host.name'] },
      )
      for (const table of otlpTableNames) {
        const source = await openFor(t, { store: own.url, table, ...bounded })
        const { rows } = await readAll(source)
        assert.equal(rows.length, 1, table)
        const { schema_url, resource_attr_host_name, stream_id, record_id, tenant } = rows[0]!
        assert.deepEqual([schema_url, resource_attr_host_name, stream_id, record_id, tenant], [table, 'h', 1, 1, ''])
        await source.close()
      }
    })

    test('is_monotonic is a boolean', async t => {
      const own = await make(t)
      const flags = [1, 0, null, 1, 1, 0, 0, 0, 0, 1]
      await record(
        await own.open(),
        'k',
        flags.map(is_monotonic => ({ table: 'otlp_metrics_sum', row: { is_monotonic } })),
      )
      const source = await openFor(t, {
        store: own.url,
        table: 'otlp_metrics_sum',
        columns: 'is_monotonic',
        ...bounded,
      })
      assert.deepEqual(
        (await readAll(source)).rows.map(row => row.is_monotonic),
        flags.map(flag => (flag === null ? null : flag === 1)),
      )
    })

    test('nulls of one page are not seen in the next one', async t => {
      const own = await make(t)
      const bodies = Array.from({ length: 40 }, (_, i) => (i % 3 === 0 && i < 20 ? null : `b${i}`))
      await record(
        await own.open(),
        'k',
        bodies.map(body => ({ table: 'otlp_logs', row: { body } })),
      )
      const config = { store: own.url, table: 'otlp_logs', columns: 'body', ...bounded }
      const source = await openFor(t, config, { settings: { record_batch_size: 10 } })
      assert.deepEqual(
        (await readAll(source)).rows.map(row => row.body),
        bodies,
      )
    })

    test('dead letters can be followed, with their raw bytes and the message as it was', async t => {
      const own = await make(t)
      const store = await own.open()
      // records are handed over with their bytes
      const dead = (): DeadRecord => ({
        at: 0,
        code: 'bad_record',
        message: 'no \u0000 and \uffff',
        size: 3,
        raw: new Uint8Array([0, 255, 10]),
      })
      await record(store, 'k', [], { dead: [dead()] })
      const source = await openFor(t, { store: own.url, table: 'dead_letters' })
      assert.deepEqual(source.primaryKey, ['dead_letter_id'])
      const reader = source.read(await source.start())
      const { rows, position } = await collect(reader, 1)
      assert.deepEqual(rows, [
        {
          dead_letter_id: 1,
          stream_key: 'k',
          stream_index: 0,
          tenant: '',
          received_at: '2023-11-14T22:13:20.123456Z',
          code: 'bad_record',
          message: 'no \u0000 and \uffff',
          size: 3,
          raw: 'AP8K',
          kind: 'record',
        },
      ])
      const later = collect(reader, 1)
      await record(store, 'k', [], { dead: [dead()] })
      assert.equal((await later).rows[0]?.dead_letter_id, 2)
      await reader.close()
      const again = await openFor(t, { store: own.url, table: 'dead_letters', ...bounded })
      assert.equal((await readAll(again, position)).rows.length, 1)
    })

    test('a position that the store never gave is an error, and so is one of another store with as many rows', async t => {
      const own = await make(t)
      const store = await own.open()
      await append(store, 'k', ['1', '2', '3'])
      const source = await openFor(t, { store: own.url, ...bounded })
      const failing = (from: Position, to?: Position) => errorOf((async () => readAll(source, from, to))())
      for (const [from, to] of [
        [{ events: { position: 4 } }],
        [{ events: { position: 1 } }, { events: { position: 4 } }],
        [{ events: { position: 2, received_at: 1 } }],
        [{ otlp_logs: { position: 0 } }],
        [{ events: { position: -1 } }],
        [{ events: { position: '1' } }],
        [{ events: null }],
        [{}],
      ] as [Position, Position?][])
        assert.equal((await failing(from, to)).code, 'state', JSON.stringify(from))
      const { message } = await failing({ events: { position: 4 } })
      assert.match(message, /never had more than 3 rows/)
      assert.ok(message.startsWith(`${own.shown} is not the store`), message)
      assert.match(
        (await failing({ otlp_logs: { position: 0 } })).message,
        /a position of otlp_logs, and none of the table events/,
      )
      // its row may have been deleted by a retention: that proves nothing
      await own.run('delete from events where event_id = 2')
      assert.equal((await readAll(source, { events: { position: 2, received_at: 1 } })).rows.length, 1)
    })

    test('a store of an older version without the table is waited for', async t => {
      const own = await make(t)
      await (await own.open()).close()
      await own.run('drop table otlp_logs')
      const { code, message } = await errorOf(openFor(t, { store: own.url, table: 'otlp_logs' }))
      assert.equal(code, 'unavailable')
      assert.match(message, /older version, without the table otlp_logs/)
    })

    test('single rows that trickle in are collected for record_batch_interval_ms', async t => {
      const own = await make(t)
      const writer = await own.open()
      const settings = { record_batch_interval_ms: 700 }
      const source = await openFor(t, { store: own.url, columns: 'payload' }, { settings })
      const reader = source.read(await source.start())
      await append(writer, 'k', ['0'])
      assert.equal((await collect(reader, 1)).rows.length, 1)
      const collected = reader.next()
      for (let i = 1; i <= 5; i++) await append(writer, 'k', [String(i)])
      assert.ok((await collected)!.batch.numRows > 1)
      await reader.close()
    })

    test('a reader that waits ends when it is closed, and fails when the attempt is aborted', async t => {
      const own = await make(t)
      await own.open()
      const aborting = new AbortController()
      const source = await openFor(t, { store: own.url, start_at: 'latest' }, { signal: aborting.signal })
      const closed = source.read(await source.start())
      const pending = closed.next()
      await closed.close()
      assert.equal(await pending, undefined)

      const aborted = source.read(await source.start())
      const failing = assert.rejects(aborted.next(), /the attempt is over/)
      await new Promise(resolve => setImmediate(resolve))
      aborting.abort(new Error('the attempt is over'))
      await failing
      await aborted.close()
    })

    test('a stream that is deleted while it is followed ends, and the others go on', async t => {
      const own = await make(t)
      const store = await own.open()
      const settings = { record_batch_size: 50 }
      const source = await openFor(t, { store: own.url, columns: 'stream_key' }, { settings })
      const reader = source.read(await source.start())
      await append(store, 'deleted', Array<string>(1000).fill('"x"'))
      assert.equal((await collect(reader, 50)).rows.length, 50)
      assert.ok(await store.deleteStream({ tenant: '', key: 'deleted' }))
      await append(store, 'kept', ['1'])
      assert.deepEqual((await collect(reader, 1)).rows, [{ stream_key: 'kept' }])
      await reader.close()
    })
  })
}
