import { compare, median, note, type Report } from './benchmark.ts'
import type { PipelineRun } from './pipeline.ts'
import { plot, thirds } from './plot.ts'

/** of a shorter run the thirds are about its start: it has no bar */
const enoughSamples = 60

/** Resident memory in the last third of a run ÷ in its middle third, with a plot on stderr. */
export function compareMemory(bench: string, rows: number, run: PipelineRun, detail: object = {}): Report {
  const parts = thirds(run.rss)
  const peak = Math.max(...run.rss)
  const lines = parts.map(third => plot(third, peak))
  note(bench)
  for (const line of lines) note(line)
  return compare({
    bench,
    unit: 'MB',
    ...(run.rss.length >= enoughSamples && { bar: 1.1 }),
    lowerIsBetter: true,
    ours: [median(parts[2])],
    reference: [median(parts[1])],
    detail: {
      rows,
      rows_per_second: rows / run.runSeconds,
      samples: run.rss.length,
      first_third: median(parts[0]),
      peak,
      plot: lines,
      ...detail,
    },
  })
}
