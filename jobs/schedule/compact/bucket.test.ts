import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hidden, seenByManifest, seenByName, seenBySql, visible } from '../../drivers/lake/harness.suite.ts'
import { mirrored, ownBucket, ownPrefix, uploaded } from '../../drivers/s3/harness.suite.ts'
import { parseS3 } from '../../drivers/s3/url.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { openSink } from '../../sinks/parquet/harness.suite.ts'
import { compact, failEachStep, idsFrom, openWriter, range, writeFiles } from './harness.suite.ts'

/** The compaction of a lake in a bucket. */

const { skip, bucket } = await ownBucket()
const keyOf = (path: string, name: string) => `${parseS3(path).key}/${name}`

/** Objects as another tool writes them. */
async function put(t: TestContext, path: string, files: Readonly<Record<string, string>>): Promise<void> {
  const folder = tempFolder(t)
  await writeFiles(folder, files)
  await uploaded(bucket, folder, path)
}

test('the small files of each partition become one, while the sink goes on', { skip }, async t => {
  const path = ownPrefix(bucket)
  const write = await openWriter(t, path)
  await write(3)
  const { files_before, files_after, rows, warnings } = await compact(path)
  assert.deepEqual(
    { files_before, files_after, rows, warnings },
    { files_before: 6, files_after: 2, rows: 60, warnings: [] },
  )
  await Promise.all([compact(path), write(2)])
  await compact(path)
  await write(1)
  assert.deepEqual(await seenByName(path), range(120))
  assert.deepEqual(await seenByManifest(path), range(120))
  assert.deepEqual(await seenBySql(path), range(120))
  const next = await openWriter(t, path)
  await next(1)
  await compact(path)
  assert.deepEqual(await seenByManifest(path), range(140))
  assert.equal(visible(await mirrored(path)).length, 2)
})

const stride = Number(process.env.MILLRACE_S3_STRIDE ?? 5)

test(
  'whatever step fails, manifests show each row once, and the next run finishes',
  { skip, timeout: 600_000 },
  async t => {
    const at = await failEachStep({
      place: () => ownPrefix(bucket),
      fill: (path, files) => put(t, path, files),
      async checkAfter(path) {
        const folder = await mirrored(path)
        assert.equal(visible(folder).length, 2)
        assert.deepEqual(
          hidden(folder).filter(name => /stage-\d+\//.test(name)),
          [],
        )
      },
      stride,
    })
    assert.ok(at > 10, `${at} steps`)
  },
)

test('an object that changes or goes while it is read is left alone, and so are the others', { skip }, async t => {
  const path = ownPrefix(bucket)
  await put(t, path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  const steps: Promise<unknown>[] = []
  const files = async (change: () => Promise<unknown>) => {
    const before = (step: string) => {
      if (step === 'sync') steps.push(change())
    }
    const { warnings } = await compact(path, {}, before)
    await Promise.all(steps)
    return warnings
  }
  const changed = await files(() => bucket.copy(keyOf(path, 'b.parquet'), keyOf(path, 'a.parquet')))
  assert.match(changed[0]!, /a\.parquet is left as it is: it changed while it was read/)
  assert.deepEqual(visible(await mirrored(path)), ['a.parquet', 'b.parquet'])
  const gone = await files(() => bucket.remove([keyOf(path, 'a.parquet')]))
  assert.match(gone[0]!, /a\.parquet is left as it is/)
  assert.deepEqual(await seenByName(path), range(10, 10))
})

test('another object that came under the name of a replaced one stays', { skip }, async t => {
  const path = ownPrefix(bucket)
  await put(t, path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  const before = (step: string, file: string) => {
    if (step === 'remove' && file.endsWith('a.parquet')) throw new Error('a fault of the test')
  }
  await assert.rejects(compact(path, {}, before), /a fault of the test/)
  await put(t, path, { 'a.parquet': idsFrom(100) })
  await compact(path, { min_files: 10 })
  const rows = [...range(20), ...range(10, 100)]
  assert.deepEqual(await seenByName(path), rows)
  assert.deepEqual(await seenByManifest(path), rows)
})

test('a file that a sink left at both places, and the compaction took over, does not come back', { skip }, async t => {
  const path = ownPrefix(bucket)
  const types = { id: 'int64' } as const
  const rowsOf = (from: number) => range(4, from).map(id => ({ id }))
  const before = (step: string, file: string) => {
    if (step === 'remove' && file.endsWith('.sealed')) throw new Error('a fault of the test')
  }
  const first = await openSink(t, { path, rows_per_file: 2 }, types, { before })
  await assert.rejects(first.publish(rowsOf(0)), /a fault of the test/)
  // both of its files were copied; what they were copied from is still there
  assert.deepEqual(await seenByName(path), range(4))
  await compact(path)
  const next = await openSink(t, { path, rows_per_file: 2 }, types)
  await next.publish(rowsOf(4))
  await next.sink.close()
  assert.deepEqual(await seenByName(path), range(8))
  assert.deepEqual(await seenByManifest(path), range(8))
})

test('of two compactions the older one ends', { skip }, async t => {
  const path = ownPrefix(bucket)
  await put(t, path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  let newer: Promise<unknown> | undefined
  const before = (step: string) => {
    if (step === 'copy') newer = compact(path, { min_files: 10 })
  }
  const older = compact(path, {}, before)
  const [result] = await Promise.allSettled([older])
  await newer
  // whichever came first, each row is there once
  assert.deepEqual(await seenByManifest(path), range(20))
  if (result!.status === 'rejected') assert.match(String(result!.reason), /another compaction of the folder began/)
})

test('a bucket that is not there is a mistake in the job, and so is the folder of another tool', { skip }, async () => {
  await assert.rejects(compact('s3://there-is-no-such-bucket/x'), { code: 'bad_pipeline', message: /no such bucket/ })
  const path = ownPrefix(bucket)
  await bucket.write(keyOf(path, '_delta_log/0.json'), Buffer.from('{}'))
  await assert.rejects(compact(path), { code: 'bad_pipeline', message: /has _delta_log, in which another tool/ })
})
