import type { RecordBatch } from 'apache-arrow'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { type Op, opsOf, take } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Sink } from '../../runtime/contract.ts'
import type { PrintConfig } from './print.ts'
import { openStdout } from './stdout.ts'

const kinds: Readonly<Record<Op, string>> = { i: 'INSERT', u: 'UPDATE', d: 'DELETE' }
/** Lines of one write, so that a reader who stops holds little in memory. */
const linesOfWrite = 1000

export function openPrint(
  config: PrintConfig,
  { signal, stop, settings }: Pick<NodeContext, 'signal' | 'stop' | 'settings'>,
): Sink {
  const { sample_every = settings.print_sink.sample_every } = config
  const most = config.num_records_before_stop ?? settings.print_sink.num_records_before_stop
  const stdout = openStdout(signal)
  let rows = 0
  let stopped = false

  /** Every n-th row of all that ever came. */
  function sampled(batch: RecordBatch): RecordBatch {
    if (sample_every === 1) return batch
    const indices: number[] = []
    for (let row = sample_every - 1 - (rows % sample_every); row < batch.numRows; row += sample_every) indices.push(row)
    return take(batch, indices)
  }

  function stopOnce(reason: string): void {
    if (!stopped) stop(reason)
    stopped = true
  }

  return {
    begin: async () => undefined,
    async write(batch) {
      const printed = sampled(batch)
      rows += batch.numRows
      const ops = opsOf(printed)
      const lines = jsonLines(printed, [OP]).map((line, row) => `${kinds[ops[row]!]} ${line}\n`)
      for (let at = 0; at < lines.length && !stdout.gone(); at += linesOfWrite)
        await stdout.write(lines.slice(at, at + linesOfWrite).join(''))
      if (stdout.gone()) stopOnce('nobody reads stdout any more')
      if (most !== undefined && rows >= most) stopOnce(`${rows} rows came: num_records_before_stop is ${most}`)
    },
    async commit() {},
    async reset() {},
    close: async () => stdout.close(),
  }
}
