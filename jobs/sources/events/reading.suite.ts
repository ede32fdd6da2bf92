import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nameOf } from '../../runtime/batch/types.ts'
import type { DeadRow, Position } from '../../runtime/contract.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { append, collect, type MakeStore, openFor, readAll, record } from './harness.suite.ts'

const bounded = { mode: { type: 'bounded' } }

/** What the source promises of every kind of store, by what is read. */
export function readingSuite(kind: string, make: MakeStore, skip: string | false = false): void {
  describe(`events of ${kind}`, { skip }, () => {
    test('an event comes with its stream, its place in it, its time and the bytes that were sent', async t => {
      const own = await make(t)
      const store = await own.open()
      const payloads = ['{"a": 1,  "b":"\\u0000ü💧"}', '12345678901234567890.10', '"x"', '[]']
      await append(store, 'straße/1', payloads)
      await append(store, 'other', ['null'])
      const source = await openFor(t, { store: own.url, ...bounded })
      assert.deepEqual(
        source.schema.fields.map(field => `${field.name} ${nameOf(field.type)}`),
        [
          'event_id int64',
          'stream_key utf8',
          'stream_index int64',
          'tenant utf8',
          'received_at timestamp(us, UTC)',
          'headers utf8',
          'payload utf8',
        ],
      )
      assert.deepEqual(source.primaryKey, ['event_id'])
      assert.ok(source.bounded)
      const { rows, position } = await readAll(source)
      assert.deepEqual(
        rows.map(({ payload: _, ...row }) => row),
        [...payloads.map((_, i) => ['straße/1', i, i + 1] as const), ['other', 0, 5] as const].map(
          ([stream_key, stream_index, event_id]) => ({
            event_id,
            stream_key,
            stream_index,
            tenant: '',
            received_at: '2023-11-14T22:13:20.123456Z',
            headers: '{"host":"a"}',
          }),
        ),
      )
      assert.deepEqual(
        rows.map(row => row.payload),
        [...payloads, 'null'],
      )
      assert.deepEqual(position, { events: { position: 5, received_at: 1_700_000_000_123_456 } })
    })

    test('only the columns that are asked for are read, in that order', async t => {
      const own = await make(t)
      await append(await own.open(), 'k', ['1', '2'])
      const source = await openFor(t, { store: own.url, columns: 'payload, stream_key', ...bounded })
      assert.equal(source.primaryKey, undefined)
      assert.deepEqual((await readAll(source)).rows, [
        { payload: '1', stream_key: 'k' },
        { payload: '2', stream_key: 'k' },
      ])
    })

    test('a column that is not there is refused with those that are', async t => {
      const own = await make(t)
      await own.open()
      const open = (columns: string) => errorOf(openFor(t, { store: own.url, columns }))
      const { code, message, path: key } = await open('event_id, paylod')
      assert.deepEqual([code, key], ['bad_pipeline', ['columns']])
      assert.match(message, /no column "paylod": it has event_id, stream_key, .*payload/)
      assert.match((await open('payload,payload')).message, /payload is named twice/)
      assert.equal((await open('payload" from streams; --')).code, 'bad_pipeline')
    })

    test('a bounded source ends at the rows that were there when it opened, and the next one goes on behind them', async t => {
      const own = await make(t)
      const store = await own.open()
      await append(store, 'k', ['1', '2'])
      for (const [config, options] of [
        [{ store: own.url, columns: 'payload', ...bounded }, {}],
        [{ store: own.url, columns: 'payload' }, { jobMode: true }],
      ] as const) {
        const source = await openFor(t, config, options)
        await append(store, 'k', ['3'])
        const { rows, position } = await readAll(source)
        assert.equal(rows.at(-1)?.payload, rows.length === 2 ? '2' : '3')
        const next = await openFor(t, config, options)
        assert.deepEqual((await readAll(next, position)).rows, [{ payload: '3' }])
      }
    })

    test('an epoch is read again exactly, however the pages were cut', async t => {
      const own = await make(t)
      const store = await own.open()
      const payloads = Array.from({ length: 1000 }, (_, i) => `{"i":${i}}`)
      await append(store, 'k', payloads)
      const config = { store: own.url, columns: 'payload', ...bounded }
      const source = await openFor(t, config, { settings: { record_batch_size: 7 } })
      const reader = source.read(await source.start())
      const positions: Position[] = [await source.start()]
      for (let given = await reader.next(); given !== undefined; given = await reader.next()) {
        assert.ok(given.batch.numRows <= 7)
        positions.push(given.position)
      }
      assert.equal(positions.length, Math.ceil(1000 / 7) + 1)
      await reader.close()
      await append(store, 'k', ['"later"'])

      const other = await openFor(t, config)
      for (const [from, to] of [
        [0, 143],
        [3, 100],
        [17, 17],
      ] as const) {
        const { rows } = await readAll(other, positions[from]!, positions[to]!)
        assert.deepEqual(
          rows.map(row => row.payload),
          payloads.slice(from * 7, to * 7),
        )
      }
    })

    test('start_at: latest begins with what comes, and a number behind the row of that id', async t => {
      const own = await make(t)
      const store = await own.open()
      await append(store, 'k', ['1', '2', '3'])
      const config = { store: own.url, columns: 'payload' }
      const latest = await openFor(t, { ...config, start_at: 'latest' })
      const reader = latest.read(await latest.start())
      await append(store, 'k', ['4'])
      assert.deepEqual((await collect(reader, 1)).rows, [{ payload: '4' }])
      await reader.close()

      const second = await openFor(t, { ...config, ...bounded, start_at: 2 })
      assert.deepEqual((await readAll(second)).rows, [{ payload: '3' }, { payload: '4' }])
      const beyond = await openFor(t, { ...config, start_at: 5 })
      const { code, message } = await errorOf(beyond.start())
      assert.equal(code, 'bad_pipeline')
      assert.match(message, /start_at is 5, but the last row .* is 4/)
    })

    test('a deleted stream is out of sight at once, and its rows do not hold the others up', async t => {
      const own = await make(t)
      const store = await own.open()
      await append(store, 'gone', Array(500).fill('"secret"'))
      await append(store, 'kept', ['1'])
      await append(store, 'gone', Array(500).fill('"secret"'))
      const config = { store: own.url, columns: 'stream_key,payload', ...bounded }
      const source = await openFor(t, config, { settings: { record_batch_size: 100 } })
      // the state in the middle of a delete: out of sight, with all rows still there
      await own.run("update streams set stream_key = '\u0001deleted 1' where stream_key = 'gone'")
      assert.deepEqual((await readAll(source)).rows, [{ stream_key: 'kept', payload: '1' }])
      await own.run('delete from events where stream_id = 1; delete from streams where stream_id = 1')
      assert.deepEqual((await readAll(source)).rows, [{ stream_key: 'kept', payload: '1' }])
    })

    test('rows that were deleted since are left out of an epoch that is read again', async t => {
      const own = await make(t)
      const store = await own.open()
      await append(store, 'k', ['1', '2', '3', '4'])
      const source = await openFor(t, { store: own.url, columns: 'payload', ...bounded })
      const { position } = await readAll(source)
      await own.run('delete from events where event_id in (2, 4)')
      assert.deepEqual((await readAll(source, undefined, position)).rows, [{ payload: '1' }, { payload: '3' }])
    })

    test('a page ends by bytes, so that huge events do not pile up', async t => {
      const own = await make(t)
      const store = await own.open()
      const payloads = Array.from({ length: 9 }, (_, i) => `"${String(i).repeat(3 << 20)}"`)
      await append(store, 'k', payloads)
      await append(store, 'k', ['"small"', `"${'ü'.repeat(100_000)}"`])
      const source = await openFor(t, { store: own.url, ...bounded })
      const { rows, batches } = await readAll(source)
      assert.ok(batches >= 3, String(batches))
      assert.ok(rows.every((row, at) => row.payload === [...payloads, '"small"', `"${'ü'.repeat(100_000)}"`][at]))
    })

    test('rows of many streams have the key and headers of their own', async t => {
      const own = await make(t)
      const store = await own.open()
      for (let round = 0; round < 3; round++)
        for (const key of ['a', 'bb', 'a', 'ccc']) await append(store, key, [`"${key}${round}"`, `"${key}${round}"`])
      const source = await openFor(t, { store: own.url, columns: 'stream_key,payload', ...bounded })
      const { rows } = await readAll(source)
      assert.equal(rows.length, 24)
      for (const { stream_key, payload } of rows) assert.equal((payload as string).slice(1, -2), stream_key)
    })

    test('a filter leaves rows out by any column of the table, and its epochs can be read again', async t => {
      const own = await make(t)
      const store = await own.open()
      await append(store, 'a', ['{"v":1}', '{"v":2}', '{"v":3}'])
      await append(store, 'b', ['{"v":4}', '{"v":5}'])
      const config = { store: own.url, columns: 'payload', ...bounded }
      const filter = "stream_key = 'a' and (payload->>'v')::int >= 2"
      const source = await openFor(t, { ...config, filter }, { settings: { record_batch_size: 2 } })
      assert.deepEqual(
        source.schema.fields.map(field => field.name),
        ['payload'],
      )
      const { rows, position } = await readAll(source)
      assert.deepEqual(rows, [{ payload: '{"v":2}' }, { payload: '{"v":3}' }])
      assert.deepEqual((await readAll(source, undefined, position)).rows, rows)

      const wrong = await errorOf(openFor(t, { ...config, filter: "stream_kee = 'a'" }))
      assert.deepEqual([wrong.code, wrong.path], ['bad_pipeline', ['filter']])
      assert.match(wrong.message, /No field named stream_kee\. Did you mean 'stream_key'\?/)
    })

    test('an event that the filter cannot take is a dead letter, and all others go on', async t => {
      const own = await make(t)
      await append(await own.open(), 'k', ['{"n":1}', '{"n":"\\ud800"}', '{"n":2}', '{}', '{"n":"\\udfff"}'])
      const filter = "payload->>'n' is not null"
      const config = { store: own.url, columns: 'event_id, payload', filter, ...bounded }
      const dead: DeadRow[] = []
      const source = await openFor(t, config, { onDead: row => dead.push(row) })
      const { rows, position } = await readAll(source)
      assert.deepEqual(rows, [
        { event_id: 1, payload: '{"n":1}' },
        { event_id: 3, payload: '{"n":2}' },
      ])
      assert.deepEqual(
        dead.map(({ code, row }) => [code, row]),
        [
          ['sql_error', { event_id: 2, payload: '{"n":"\\ud800"}' }],
          ['sql_error', { event_id: 5, payload: '{"n":"\\udfff"}' }],
        ],
      )
      assert.match(dead[0]!.message, /surrogate/)
      assert.deepEqual((await readAll(source, position)).rows, [])
      assert.equal(dead.length, 2, 'the position is behind the dead rows, the last one included')
    })

    test('a filter sees every type as it is handed on', async t => {
      const own = await make(t)
      const store = await own.open()
      await append(store, 'a', ['1', '"ü"'])
      const source = await openFor(t, { store: own.url, ...bounded })
      const filter = "event_id > 0 and received_at > timestamptz '2020-01-01' and headers is not null"
      const filtered = await openFor(t, { store: own.url, filter, ...bounded })
      const [plain, kept] = await Promise.all([readAll(source), readAll(filtered)])
      assert.deepEqual(kept, plain)
      const logs = { store: own.url, table: 'otlp_metrics_histogram', ...bounded }
      const row = { time_unix_nano: 2n ** 64n - 1n, sum: 'NaN' }
      await record(store, 'm', [{ table: 'otlp_metrics_histogram', row }])
      const all = await readAll(await openFor(t, logs))
      assert.deepEqual(await readAll(await openFor(t, { ...logs, filter: 'time_unix_nano > 1' })), all)
    })
  })
}
