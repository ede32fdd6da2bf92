import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lakeKinds, query, seenByManifest, visible } from '../../drivers/lake/harness.suite.ts'
import { mirrored } from '../../drivers/s3/harness.suite.ts'
import { batchOf, checkpoint } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

const types = { id: 'int64', place: 'utf8', day: 'int32', text: 'utf8' } as const
const wider = { ...types, day: 'int64', extra: 'float64' } as const

const config = fc.record({
  partition_by: fc.constantFrom<unknown[]>([], ['place'], ['place', { tens: 'id // 10' }], [{ odd: 'day % 2' }]),
  rows_per_file: fc.constantFrom(undefined, 1, 7, 50),
  target_file_size: fc.constantFrom('128MiB', '20KiB'),
  max_age: fc.constantFrom('10m', 0),
  max_open_partitions: fc.constantFrom(1000, 2),
  sort_by: fc.constantFrom([], ['text desc', 'id']),
  compression: fc.constantFrom('zstd', 'none'),
  write_partition_columns: fc.boolean(),
})

const epoch = fc.record({
  rows: fc.array(fc.record({ place: fc.constantFrom(null, '', 'a', 'b/c', 'null'), day: fc.nat(5) }), {
    maxLength: 60,
  }),
  /** large enough for files of their own */
  large: fc.boolean(),
  /** with a new column, and one that is wider */
  drifted: fc.boolean(),
  next: fc.constantFrom('go on', 'go on', 'end', 'cut off', 'cut off within'),
})

/** Lakes in a bucket take longer. */
const runs = { folder: 40, bucket: Number(process.env.MILLRACE_S3_RUNS ?? 4) }

for (const { kind, skip, place } of await lakeKinds())
  test(
    `${kind}: whatever comes in whatever epochs, each row is there once, in its folder`,
    {
      skip,
      timeout: 600_000,
    },
    async t => {
      await fc.assert(
        fc.asyncProperty(config, fc.array(epoch, { minLength: 1, maxLength: 7 }), async (given, epochs) => {
          const path = place(t)
          const all = { path, ...given }
          let drifted = false
          let opened = await openSink(t, all, types)
          await opened.sink.begin()
          const written: { id: number; place: string | null; day: number; text: string }[] = []
          for (const [at, { rows, large, next, ...what }] of epochs.entries()) {
            drifted ||= what.drifted
            const batch = rows.map((row, n) => ({
              id: at * 100 + n,
              ...row,
              text: large ? `${at} ${n} `.repeat(6000) : `${at} ${n}`,
              ...(drifted && { extra: n / 2 }),
            }))
            const write = async () => {
              for (const part of [batch.slice(0, 20), batch.slice(20)])
                if (part.length > 0) await opened.sink.write(batchOf(drifted ? wider : types, part), at + 1)
            }
            await write()
            if (next === 'cut off within') {
              opened = await openSink(t, all, drifted ? wider : types)
              const found = await opened.sink.begin()
              assert.equal(found?.epoch ?? 0, at)
              await write()
            }
            await opened.sink.commit(checkpoint(at + 1))
            written.push(...batch)
            const ids = written.map(({ id }) => id).sort((a, b) => a - b)
            assert.deepEqual(await seenByManifest(path, { open: true }), ids)
            if (next === 'go on') continue
            if (next === 'end') await opened.sink.close()
            opened = await openSink(t, all, drifted ? wider : types)
            assert.equal((await opened.sink.begin())?.epoch, at + 1)
          }
          await opened.sink.close()
          if (written.length === 0) return
          const select = 'select id, place, day, text from LAKE order by id'
          assert.deepEqual(
            await query(path, select, ', hive_types_autocast = false'),
            written.map(({ id, place, day, text }) => ({ id, place, day, text })).sort((a, b) => a.id - b.id),
          )
          assert.deepEqual(
            await seenByManifest(path),
            written.map(({ id }) => id).sort((a, b) => a - b),
          )
          const most = await query(
            path,
            'select max(n)::int as most from (select count(*) as n from LAKE group by filename)',
            ', filename = true',
          )
          assert.ok(Number(most[0]!.most) <= (given.rows_per_file ?? Number.POSITIVE_INFINITY))
          assert.ok(visible(await mirrored(path)).length > 0)
        }),
        { numRuns: runs[kind] },
      )
    },
  )
