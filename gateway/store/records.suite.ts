import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RowByHand, recordsOf } from '../../core/otlp/records.suite.ts'
import type { DeadRecord, Records } from '../../core/otlp/records.ts'
import { rowsOf } from '../../core/otlp/rows.ts'
import { otlpTableNames } from '../../core/otlp/tables.ts'
import { recordPayload } from './records.ts'
import type { AppendOutcome, AppendRequest, Store } from './store.ts'

/** The attributes that the store of the suite has columns for. */
export const promoted = ['k8s.pod.name']

export const requestOf = (key: string, records: Records, more: Partial<AppendRequest> = {}): AppendRequest => ({
  tenant: '',
  key,
  opening: { transport: 'otlp-http', headers: '{}', remoteAddr: '127.0.0.1' },
  epoch: undefined,
  offset: undefined,
  receivedAt: 1_700_000_000_123_456,
  frames: undefined,
  last: false,
  records,
  ...more,
})

export const byHand = (list: readonly RowByHand[], dead: DeadRecord[] = []) =>
  recordsOf(list, { dead, promote: promoted })

export const logsOf = (bodies: readonly string[], more: RowByHand['row'] = {}): RowByHand[] =>
  bodies.map(body => ({ table: 'otlp_logs', row: { ...more, body } }))

export const deadAt = (at: number, raw = 'why'): DeadRecord => ({
  at,
  code: 'bad_record',
  message: `trace_id of record ${at} has 3 bytes`,
  size: raw.length,
  raw: new TextEncoder().encode(raw),
})

/** The payloads that a stream of these records alone has. */
export const payloadsOf = (records: Records): string[] =>
  rowsOf(records, promoted).map(({ table, row }) => recordPayload(table, Object.keys(row), Object.values(row)))

/** Rows that differ and agree in many ways, in two tables by turns. */
export function manyRows(count: number): RowByHand[] {
  return Array.from({ length: count }, (_, k): RowByHand => {
    const shared = {
      service_name: k < count / 2 ? 'cart' : 'größe €😀',
      resource_attributes: '{"a":1}',
      [k % 41 < 9 ? 'schema_url' : 'scope_name']: 'x',
    }
    if (k % 7 === 3)
      return {
        table: 'otlp_metrics_sum',
        row: { ...shared, name: '', time_unix_nano: BigInt(k), int_value: -BigInt(k) * 2n ** 54n, is_monotonic: k & 1 },
      }
    return {
      table: 'otlp_logs',
      row: {
        ...shared,
        time_unix_nano: 1_700_000_000_000_000_000n + BigInt(k),
        severity_number: k % 30 < 25 ? 9 : null,
        body: k % 5 === 0 ? null : `line ${k} ä`,
        log_attributes: `{"k":${k}}`,
        flags: k % 60 < 30 ? 0 : 1,
        resource_attr_k8s_pod_name: k % 11 === 0 ? 'pod' : null,
      },
    }
  })
}

interface SuiteOptions {
  open: (options: { promote: readonly string[] }) => Promise<Store>
  sql: boolean | 'own'
}

/** What every store must do with OpenTelemetry records. */
export function recordsSuite(get: () => Store, { open, sql }: SuiteOptions): void {
  const ok = (outcome: AppendOutcome) => {
    assert.ok(outcome.ok, JSON.stringify(outcome))
    return outcome
  }
  const append = (key: string, records: Records, more?: Partial<AppendRequest>) =>
    get().append(requestOf(key, records, more))
  const figures = (outcome: AppendOutcome) => {
    const { count, accepted, duplicates, rejected } = ok(outcome)
    return { count, accepted, duplicates, rejected }
  }
  const read = async (key: string, from = 0, limit = 1000) => {
    const { stream_id } = (await get().getStream({ tenant: '', key }))!
    return get().readStream(stream_id, from, limit)
  }
  const payloads = async (key: string) => (await read(key)).events.map(e => e.payload)
  const digest = (byte: number) => new Uint8Array(16).fill(byte)

  test('a record is read back as JSON, exact, with its JSON columns in it and without its NULLs', async () => {
    const rows: RowByHand[] = [
      {
        table: 'otlp_logs',
        row: {
          time_unix_nano: 1_700_000_000_123_456_789n,
          observed_time_unix_nano: 2n ** 64n - 1n,
          body: 'a "b"\n\u0000ä😀',
          severity_number: 9,
          service_name: '',
          log_attributes: '{"a":3.0,"b":9223372036854775807}',
          flags: 0,
        },
      },
      {
        table: 'otlp_traces',
        row: { start_time_unix_nano: 5, duration_time_unix_nano: 0, trace_id: 'ab'.repeat(16), events_json: '[{}]' },
      },
      { table: 'otlp_metrics_gauge', row: { name: 'g', double_value: Number.NaN, int_value: -(2n ** 63n) } },
      { table: 'otlp_metrics_sum', row: { name: 's', double_value: -Infinity, is_monotonic: 1 } },
      { table: 'otlp_metrics_histogram', row: { count: 2n ** 63n, sum: 1e300, min: -0.5, bucket_counts: '[1,2]' } },
      { table: 'otlp_metrics_exp_histogram', row: { scale: -3, zero_count: 7n, zero_threshold: 2 } },
      { table: 'otlp_metrics_summary', row: { count: 3, quantile_values: '[]', resource_attr_k8s_pod_name: 'p-1' } },
    ]
    assert.deepEqual(figures(await append('exact', byHand(rows))), {
      count: 7,
      accepted: 7,
      duplicates: 0,
      rejected: 0,
    })
    assert.deepEqual(await payloads('exact'), [
      '{"table":"otlp_logs","time_unix_nano":1700000000123456789,"observed_time_unix_nano":18446744073709551615,"service_name":"","severity_number":9,"body":"a \\"b\\"\\n\\u0000ä😀","log_attributes":{"a":3.0,"b":9223372036854775807},"flags":0}',
      `{"table":"otlp_traces","start_time_unix_nano":5,"duration_time_unix_nano":0,"trace_id":"${'ab'.repeat(16)}","events_json":[{}]}`,
      '{"table":"otlp_metrics_gauge","name":"g","int_value":-9223372036854775808,"double_value":"NaN"}',
      '{"table":"otlp_metrics_sum","name":"s","double_value":"-Infinity","is_monotonic":1}',
      '{"table":"otlp_metrics_histogram","count":9223372036854775808,"sum":1e+300,"min":-0.5,"bucket_counts":[1,2]}',
      '{"table":"otlp_metrics_exp_histogram","scale":-3,"zero_count":7,"zero_threshold":2}',
      '{"table":"otlp_metrics_summary","count":3,"quantile_values":[],"resource_attr_k8s_pod_name":"p-1"}',
    ])
  })

  test('many rows of several tables are stored as they are, in the order of their positions', async () => {
    const expected = payloadsOf(byHand(manyRows(500)))
    ok(await append('many', byHand(manyRows(500))))
    ok(await append('many', byHand(manyRows(19))))
    assert.deepEqual(await payloads('many'), [...expected, ...payloadsOf(byHand(manyRows(19)))])
    const indexes = (await read('many')).events.map(event => event.stream_index)
    assert.deepEqual(
      indexes,
      Array.from({ length: 519 }, (_, k) => k),
    )
  })

  test('appends of records, events, opens and closes that are made at once keep their order', async () => {
    const store = get()
    const { streamId } = ok(await append('at once', byHand([])))
    const events = (text: string) => {
      const bytes = new TextEncoder().encode(text)
      return { bytes, spans: Uint32Array.of(0, bytes.length), count: 1, dead: [] }
    }
    const appends = Array.from({ length: 20 }, (_, k) =>
      k % 2 === 0
        ? store.append({ ...requestOf('at once', byHand(logsOf([`${k}`, `${k}`]))), last: k === 4 })
        : store.append({ ...requestOf('at once', byHand([])), records: undefined, frames: events(`${k}`) }),
    )
    store.closeStream(streamId, 5)
    for (const outcome of await Promise.all(appends)) ok(outcome)
    const expected = Array.from({ length: 20 }, (_, k) =>
      k % 2 === 0 ? Array(2).fill(`{"table":"otlp_logs","body":"${k}"}`) : [`${k}`],
    )
    assert.deepEqual(await payloads('at once'), expected.flat())
  })

  test('refused records become dead letters at their positions, and cannot be retried', async () => {
    const records = byHand(
      [
        { table: 'otlp_logs', at: 1, row: { body: 'b' } },
        { table: 'otlp_logs', at: 3, row: { body: 'd' } },
      ],
      [deadAt(0, '\xff\x00raw'), deadAt(2)],
    )
    assert.deepEqual(figures(await append('refused', records)), { count: 4, accepted: 2, duplicates: 0, rejected: 2 })
    const page = await read('refused', 0, 1)
    assert.deepEqual([page.events.map(e => e.stream_index), page.next], [[1], 2])
    assert.deepEqual((await read('refused')).next, 4)
    const { letters } = await get().listDeadLetters({ limit: 10, streamKey: 'refused' })
    assert.deepEqual(
      letters.map(l => [l.stream_index, l.kind, l.code, l.message, Buffer.from(l.raw).toString()]),
      [
        [0, 'record', 'bad_record', 'trace_id of record 0 has 3 bytes', 'ÿ\0raw'],
        [2, 'record', 'bad_record', 'trace_id of record 2 has 3 bytes', 'why'],
      ],
    )
    const id = letters[0]!.dead_letter_id
    await assert.rejects(get().retryDeadLetter(id, Buffer.from('1')), {
      code: 'not_supported',
      message: /is a refused OpenTelemetry record/,
    })
    assert.equal((await get().getDeadLetter(id))?.kind, 'record')
    assert.equal(await get().purgeDeadLetters(letters.map(l => l.dead_letter_id)), 2)
  })

  test('the same request at the same offset is all duplicates, whatever came after it', async () => {
    const first = () => byHand(logsOf(['a', 'b']), [deadAt(2)])
    const sent = { offset: 0, digest: digest(1) }
    assert.deepEqual(figures(await append('again', first(), sent)), {
      count: 3,
      accepted: 2,
      duplicates: 0,
      rejected: 1,
    })
    ok(await append('again', byHand(logsOf(['c'])), { offset: 3, digest: digest(2) }))
    const again = ok(await append('again', first(), { ...sent, epoch: 4 }))
    assert.deepEqual([again.count, again.accepted, again.duplicates, again.rejected, again.epoch], [4, 0, 3, 0, 4])
    assert.equal((await payloads('again')).length, 3)
    assert.equal((await get().listDeadLetters({ limit: 10, streamKey: 'again' })).letters.length, 1)
  })

  test('another request at an offset below the count is a conflict, and changes nothing', async () => {
    ok(await append('conflict', byHand(logsOf(['a', 'b'])), { offset: 0, digest: digest(1), epoch: 2 }))
    ok(await append('conflict', byHand(logsOf(['c']))))
    const others: [Records, Partial<AppendRequest>][] = [
      [byHand(logsOf(['a', 'x'])), { offset: 0, digest: digest(2) }],
      [byHand(logsOf(['a'])), { offset: 0, digest: digest(1) }],
      [byHand(logsOf(['a', 'b'])), { offset: 0 }],
      [byHand(logsOf(['b', 'c'])), { offset: 1, digest: digest(1) }],
      // stored without an offset, so that nothing is known of it
      [byHand(logsOf(['c'])), { offset: 2, digest: digest(1) }],
    ]
    for (const [records, more] of others) {
      const outcome = await append('conflict', records, { ...more, epoch: 9 })
      assert.deepEqual(
        [outcome.ok, !outcome.ok && outcome.code, outcome.count, outcome.epoch],
        [false, 'conflict', 3, 2],
        JSON.stringify(more),
      )
    }
    const fenced = await append('conflict', byHand(logsOf(['x'])), { offset: 0, epoch: 1, digest: digest(2) })
    assert.equal(!fenced.ok && fenced.code, 'fenced')
    const gap = await append('conflict', byHand(logsOf(['x'])), { offset: 4, digest: digest(2) })
    assert.equal(!gap.ok && gap.code, 'gap')
    assert.deepEqual(
      await payloads('conflict'),
      ['a', 'b', 'c'].map(body => `{"table":"otlp_logs","body":"${body}"}`),
    )
  })

  test('a request without records opens its stream, at any offset that is no gap', async () => {
    assert.deepEqual(figures(await append('empty', byHand([]), { offset: 0, digest: digest(0) })).count, 0)
    ok(await append('empty', byHand(logsOf(['a'])), { offset: 0, digest: digest(1) }))
    assert.equal(figures(await append('empty', byHand([]), { offset: 0, digest: digest(0) })).count, 1)
    const gap = await append('empty', byHand([]), { offset: 2, digest: digest(0) })
    assert.equal(!gap.ok && gap.code, 'gap')
  })

  test('pages of records end by number and by bytes', async () => {
    const big = 'x'.repeat(3 << 20)
    ok(await append('record pages', byHand(logsOf(['a', 'b', big, big, big, 'c']))))
    const sizes: [number, number][] = []
    for (let from = 0; from < 6; ) {
      const { events, next } = await read('record pages', from, from === 0 ? 2 : 1000)
      sizes.push([events.length, next])
      from = next
    }
    assert.deepEqual(sizes, [
      [2, 2],
      [3, 5],
      [1, 6],
    ])
  })

  test('a deleted stream is gone with its records and its requests', async () => {
    const rows = otlpTableNames.flatMap(table => Array.from({ length: 100 }, () => ({ table, row: {} })))
    const sent = { offset: 0, digest: digest(7) }
    const { streamId } = ok(await append('deleted', byHand(rows), sent))
    assert.equal(await get().deleteStream({ tenant: '', key: 'deleted' }), true)
    assert.deepEqual((await get().readStream(streamId, 0, 10)).events, [])
    assert.deepEqual(figures(await append('deleted', byHand(rows), sent)).accepted, 700)
  })

  test('records are announced and counted as events are', async () => {
    const before = get().stats()
    const announced = new Promise<void>(resolve => {
      const stop = get().onCommit(() => {
        stop()
        resolve()
      })
    })
    ok(await append('announced', byHand(logsOf(['a', 'b']), [deadAt(2)])))
    await announced
    const after = get().stats()
    assert.deepEqual([after.events - before.events, after.appends - before.appends], [2, 1])
    assert.deepEqual([after.queuedAppends, after.queuedBytes], [0, 0])
  })

  test('two attributes that would share a column are refused by name', async () => {
    const message = /"a\.b" and "A_b" would both be the column resource_attr_A_b/
    await assert.rejects(open({ promote: ['a.b', 'c', 'A_b'] }), { code: 'bad_request', message })
  })

  if (sql === true)
    test('a query reads the tables of OpenTelemetry, exact numbers, NaN and promoted attributes included', async () => {
      const rows: RowByHand[] = [
        { table: 'otlp_metrics_histogram', row: { time_unix_nano: 2n ** 63n, count: 3, sum: Number.NaN, min: 2 } },
        { table: 'otlp_metrics_histogram', row: { time_unix_nano: 4n, count: 2n ** 64n - 1n, sum: 1 } },
      ]
      ok(await append('queried', byHand(rows.map(r => ({ ...r, row: { ...r.row, resource_attr_k8s_pod_name: 'p' } })))))
      const select = `select cast(time_unix_nano as text), typeof(time_unix_nano), cast(h.count as text), typeof(h.count),
          sum, typeof(sum), min, resource_attr_k8s_pod_name, stream_index, tenant, received_at
        from otlp_metrics_histogram as h join streams using (stream_id, tenant) where stream_key = ? order by time_unix_nano`
      const { rows: found } = await get().query(select, ['queried'], { ms: 5000, bytes: 64 << 20, rows: 100 })
      const at = 1_700_000_000_123_456
      assert.deepEqual(found, [
        ['4', 'integer', '18446744073709551615', 'text', 1, 'real', null, 'p', 1, '', at],
        ['9223372036854775808', 'text', '3', 'integer', 'NaN', 'text', 2, 'p', 0, '', at],
      ])
      for (const table of otlpTableNames)
        await get().query(`select count(*) from ${table}`, [], { ms: 5000, bytes: 64 << 20, rows: 1 })
    })
}
