/** The function of `pipeline-script` in V8, over rows that are objects already. */
import { readyRow } from '../load/ready-row.ts'
import { scriptText } from '../load/script-function.ts'
import { answer, workerConfig } from '../load/worker.ts'

export interface PlainScriptConfig {
  rows: number
}

export interface PlainScriptResult {
  rowsPerSecond: number
  kept: number
}

/** rows that are made before the clock and come again and again, as in the pipeline */
const batchRows = 10_000

type Process = (row: object) => object | null

function plainScript({ rows }: PlainScriptConfig): PlainScriptResult {
  const process = new Function(`${scriptText}\nreturn process`)() as Process
  const batch = Array.from({ length: batchRows }, (_, at) => readyRow(at))
  let kept = 0
  const from = performance.now()
  for (let done = 0; done < rows; done += batchRows) {
    const out: object[] = []
    for (const row of done + batchRows > rows ? batch.slice(0, rows - done) : batch) {
      const result = process(row)
      if (result !== null) out.push(result)
    }
    kept += out.length
  }
  return { rowsPerSecond: (rows * 1000) / (performance.now() - from), kept }
}

if (import.meta.main) await answer(async () => plainScript(workerConfig()))
