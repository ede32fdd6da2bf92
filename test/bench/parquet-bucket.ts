import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isS3 } from '../../jobs/drivers/s3/url.ts'
import { quietContext } from '../../jobs/runtime/harness/context.suite.ts'
import { batchOf, checkpoint, streamOf } from '../../jobs/runtime/harness/sink.suite.ts'
import { openParquet } from '../../jobs/sinks/parquet/open.ts'
import { parquet } from '../../jobs/sinks/parquet/parquet.ts'

/**
 * Rows per second into a folder and into a bucket, by turns: `node test/bench/parquet-bucket.ts s3://BUCKET`,
 * with AWS_ENDPOINT_URL_S3 and the keys in the environment.
 */

const types = { id: 'int64', day: 'int64', name: 'utf8', amount: 'float64' } as const
const perBatch = 50_000
const batches = Array.from({ length: 10 }, (_, at) =>
  batchOf(
    types,
    Array.from({ length: perBatch }, (_, n) => ({
      id: at * perBatch + n,
      day: n % 4,
      name: `customer ${(n * 7919) % 100_003}`,
      amount: n / 7,
    })),
  ),
)

async function measure(path: string): Promise<number> {
  const config = parquet.config.parse({ from: 'rows', path, partition_by: 'day' })
  const sink = await openParquet(config, streamOf(types), quietContext({ name: 'lake' }))
  await sink.begin()
  const begun = performance.now()
  let epoch = 0
  for (let at = 0; at < batches.length; at += 5) {
    epoch++
    for (const batch of batches.slice(at, at + 5)) await sink.write(batch, epoch)
    await sink.commit(checkpoint(epoch))
  }
  await sink.close()
  return (batches.length * perBatch) / ((performance.now() - begun) / 1000)
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const [, , bucket = 's3://bench'] = process.argv
const figures = new Map<string, number[]>()
for (let round = 0; round < 5; round++)
  for (const path of [`${folder}/${round}`, `${bucket}/bench-${process.pid}/${round}`]) {
    const kind = isS3(path) ? 'bucket' : 'folder'
    figures.set(kind, [...(figures.get(kind) ?? []), Math.round(await measure(path))])
  }
rmSync(folder, { recursive: true })
for (const [kind, all] of figures) console.log(kind, [...all].sort((a, b) => a - b)[2], 'rows/s', all.join(' '))
