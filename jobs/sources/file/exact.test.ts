import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { ownBucket, uploaded } from '../../drivers/s3/harness.suite.ts'
import type { Position, Source, SourceRows } from '../../runtime/contract.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchesOf, type Row, rowsIn, stored } from '../../runtime/harness/source.suite.ts'
import { type SampleFormat, writeSample } from './files.suite.ts'
import { openFor } from './harness.suite.ts'

/** A restart at any batch, and any epoch read again, gives the rows of one pass. */

/** Files in a bucket take a while. */
const bucketRuns = Number(process.env.MILLRACE_S3_RUNS ?? 3)

interface Case {
  files: { name: string; rows: number }[]
  batch: number
}

const someFiles = fc.record({
  files: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd/e', 'd/f', 'z'), rows: fc.nat({ max: 6 }) }),
    { minLength: 1, maxLength: 5, selector: file => file.name },
  ),
  batch: fc.integer({ min: 1, max: 7 }),
})

async function filesOf(folder: string, { files }: Case, format: SampleFormat): Promise<Row[]> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const all: Row[] = []
  for (const { name, rows } of files) {
    const path = join(folder, `${name}.${format === 'ndjson.gz' ? 'ndjson.gz' : format}`)
    mkdirSync(dirname(path), { recursive: true })
    const own = Array.from({ length: rows }, (_, id) => ({ id, file: name, text: `${'x\n,"'.repeat(id % 3)}` }))
    await writeSample(path, format, own)
    all.push(...own.map(row => ({ ...row, _gs_op: 'i' })))
  }
  return all
}

const schema = { id: 'int64', file: 'utf8', text: 'utf8' }
const bySource = (rows: readonly Row[]) =>
  [...rows].sort((a, b) => (String(a.file) < String(b.file) ? -1 : a.file === b.file ? Number(a.id) - Number(b.id) : 1))

/** Reads one batch, and no more. */
async function first(source: Source, from: Position): Promise<SourceRows | undefined> {
  const reader = source.read(from)
  try {
    const rows = await reader.next()
    return rows && { batch: rows.batch, position: stored(rows.position) }
  } finally {
    await reader.close()
  }
}

const { skip: skipsBuckets, bucket } = await ownBucket()
const places = { disk: false, bucket: skipsBuckets }
const cases = (['ndjson', 'csv', 'ndjson.gz', 'parquet', 'avro'] as const).flatMap(format =>
  (['disk', 'bucket'] as const).map(place => ({ format, place })),
)

for (const { format, place } of cases)
  test(
    `${format} on ${place}: restarts at every batch, and epochs read again, give the rows of one pass`,
    {
      skip: places[place],
    },
    async t => {
      const folder = join(tempFolder(t), 'files')
      await fc.assert(
        fc.asyncProperty(someFiles, fc.infiniteStream(fc.nat()), async (files, choices) => {
          const expected = await filesOf(folder, files, format)
          const path = place === 'disk' ? folder : await uploaded(bucket, folder)
          const keys = { path, format: format.replace('.gz', ''), mode: { type: 'bounded' }, schema }
          const open = () => openFor(t, keys, { settings: { record_batch_size: files.batch } })
          const { source } = await open()
          const whole = await batchesOf(source, await source.start())
          assert.deepEqual(bySource(rowsIn(whole)), bySource(expected), 'one pass gives all rows')

          // a new source for each batch
          const pieces: SourceRows[] = []
          let position = await source.start()
          for (;;) {
            const { source: next } = await open()
            const piece = await first(next, position)
            await next.close()
            if (piece === undefined) break
            pieces.push(piece)
            position = piece.position
          }
          assert.deepEqual(rowsIn(pieces), rowsIn(whole), 'restarts at every batch')

          // epochs between any two positions, by another source
          const positions = [await source.start(), ...pieces.map(piece => piece.position)]
          const counts = [0, ...pieces.map(piece => piece.batch.numRows)]
          const [a = 0, b = 0] = [choices.next().value, choices.next().value]
            .map(of => of! % positions.length)
            .sort((x, y) => x - y)
          const { source: other } = await open()
          const again = await batchesOf(other, positions[a]!, { to: positions[b]! })
          const before = counts.slice(0, a + 1).reduce((sum, count) => sum + count, 0)
          const until = counts.slice(0, b + 1).reduce((sum, count) => sum + count, 0)
          assert.deepEqual(bySource(rowsIn(again)), bySource(rowsIn(whole).slice(before, until)), 'an epoch read again')
          if (again.length > 0) assert.deepEqual(again.at(-1)!.position, positions[b])
          // and on from its end
          const rest = await batchesOf(other, positions[b]!)
          assert.deepEqual(rowsIn(rest), rowsIn(whole).slice(until), 'what comes after it')
          await other.close()
          await source.close()
        }),
        { numRuns: place === 'bucket' ? bucketRuns : format === 'parquet' ? 10 : 20 },
      )
    },
  )

test('an epoch is read again from what was there, however the file grew since', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n{"a":2}\n')
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } })
  const start = await source.start()
  const [batch] = await batchesOf(source, start)
  writeFileSync(path, '{"a":1}\n{"a":2}\n{"a":3}\n')
  assert.deepEqual(
    rowsIn(await batchesOf(source, start, { to: batch!.position })).map(row => row.a),
    [1, 2],
  )
  assert.deepEqual(
    rowsIn(await batchesOf(source, batch!.position)).map(row => row.a),
    [3],
  )
})

test('a last line that was read without its newline may get one, and no more', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n{"a":2}')
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } })
  const [batch] = await batchesOf(source, await source.start())
  assert.equal(batch!.batch.numRows, 2)
  writeFileSync(path, '{"a":1}\n{"a":2}\n{"a":3}\n')
  assert.deepEqual(
    rowsIn(await batchesOf(source, batch!.position)).map(row => row.a),
    [3],
  )
  writeFileSync(path, '{"a":1}\n{"a":2} {"a":3}\n')
  await assert.rejects(batchesOf(source, batch!.position), {
    code: 'bad_data',
    message: 'a.ndjson: its last line went on at byte 15, after it had been read as whole',
  })
})

const change: Record<string, (path: string) => void> = {
  'was cut off': path => writeFileSync(path, '{"a":1}\n'),
  'was emptied': path => writeFileSync(path, ''),
  'was replaced by a longer one': path => writeFileSync(path, '{"a":7}\n{"a":8}\n{"a":9}\n{"a":10}\n'),
  'was replaced by one of the same size': path => writeFileSync(path, '{"a":1}\n{"a":9}\n{"a":3}\n'),
}
for (const [what, apply] of Object.entries(change))
  test(`a file that ${what} under a position is an error that names it, not a gap`, async t => {
    const path = join(tempFolder(t), 'a.ndjson')
    writeFileSync(path, '{"a":1}\n{"a":2}\n{"a":3}\n')
    const { source } = await openFor(
      t,
      { path, mode: { type: 'bounded' }, schema: { a: 'int64' } },
      { settings: { record_batch_size: 2 } },
    )
    const start = await source.start()
    const [batch, last] = await batchesOf(source, start)
    apply(path)
    for (const read of [
      () => batchesOf(source, batch!.position),
      () => batchesOf(source, last!.position),
      () => batchesOf(source, start, { to: batch!.position }),
    ])
      await assert.rejects(read, { code: 'bad_data', message: /^a\.ndjson: / })
  })

test('a file that is gone before it was read to its end is an error that names it', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n{"a":2}\n{"a":3}\n')
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } }, { settings: { record_batch_size: 2 } })
  const start = await source.start()
  const [batch, last] = await batchesOf(source, start)
  rmSync(path)
  await assert.rejects(batchesOf(source, batch!.position), {
    code: 'bad_data',
    message: 'a.ndjson: is gone, though it was read only up to 16',
  })
  await assert.rejects(batchesOf(source, start, { to: batch!.position }), { message: 'a.ndjson: is gone' })
  assert.deepEqual(await batchesOf(source, last!.position), [], 'one that was read to its end may go')
})

test('a Parquet file that was replaced is an error that names it', async t => {
  const path = join(tempFolder(t), 'a.parquet')
  await writeSample(path, 'parquet', [
    { id: 1, file: 'a', text: '' },
    { id: 2, file: 'a', text: '' },
  ])
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } }, { settings: { record_batch_size: 1 } })
  const [batch] = await batchesOf(source, await source.start())
  await writeSample(path, 'parquet', [
    { id: 1, file: 'a', text: '' },
    { id: 3, file: 'a', text: '' },
  ])
  await assert.rejects(batchesOf(source, batch!.position), {
    code: 'bad_data',
    message: 'a.parquet: is not the file of which 1 rows were read: it was replaced',
  })
})

test('a position of something else is an error', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n')
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } })
  await assert.rejects(batchesOf(source, { events: { position: 5 } }), { code: 'state' })
})

test('a compressed file is gone on with where it was left', async t => {
  const path = join(tempFolder(t), 'a.ndjson.gz')
  writeFileSync(path, gzipSync('{"a":1}\n'))
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } })
  const [batch] = await batchesOf(source, await source.start())
  writeFileSync(path, Buffer.concat([gzipSync('{"a":1}\n'), gzipSync('{"a":2}\n')]))
  assert.deepEqual(
    rowsIn(await batchesOf(source, batch!.position)).map(row => row.a),
    [2],
  )
})
