import type { Workdir } from './workdir.ts'

/** Numbers that every benchmark takes as `--name N`; each file adds its own beside them. */
export const common = {
  /** measured time of one side in one round */
  seconds: 5,
  /** time before it, with the same load, that counts for nothing: compilers settle */
  warmup: 2,
  /** times that each side runs, in fresh processes */
  rounds: 3,
}

export interface Benchmark<Options extends Record<string, number> = Record<string, number>> {
  /** one line for the list of names */
  about: string
  /** every option with its default; a flag that is not among them is a usage error */
  options: Options
  run(options: Options, workdir: Workdir): Promise<Report[]>
}

/** Keeps the names of the options in the type of `run`. */
export function defineBenchmark<Options extends Record<string, number>>(benchmark: Benchmark<Options>) {
  return benchmark
}

/** One printed line. `ours` and `reference` are medians of `rounds`, `ratio` is the one over the other. */
export interface Report {
  bench: string
  ours: number
  reference: number | null
  unit: string
  ratio: number | null
  /** what `ratio` must reach, or `ours` where there is no reference */
  bar: number | null
  aim: number | null
  lower_is_better: boolean
  /** null without a bar */
  passes: boolean | null
  rounds: { ours: number[]; reference: number[] }
  detail: Record<string, unknown>
}

export interface Comparison {
  bench: string
  unit: string
  bar?: number
  aim?: number
  lowerIsBetter?: boolean
  /** one value per round */
  ours: number[]
  /** none: the bar is for `ours` itself */
  reference?: number[]
  detail?: Record<string, unknown>
}

export function compare(c: Comparison): Report {
  const ours = median(c.ours)
  const reference = c.reference ? median(c.reference) : null
  const ratio = reference === null ? null : ours / reference
  const judged = ratio ?? ours
  const lower = c.lowerIsBetter ?? false
  return {
    bench: c.bench,
    ours,
    reference,
    unit: c.unit,
    ratio,
    bar: c.bar ?? null,
    aim: c.aim ?? null,
    lower_is_better: lower,
    passes: c.bar === undefined ? null : lower ? judged <= c.bar : judged >= c.bar,
    rounds: { ours: c.ours, reference: c.reference ?? [] },
    detail: c.detail ?? {},
  }
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('median of no values')
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** JSON on one line, its numbers with four significant digits, or whole from 1,000 on. */
export function toLine(value: object): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'number' ? round(item) : item))
}

export function round(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
}

/** Progress is for people: stdout carries only reports. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
