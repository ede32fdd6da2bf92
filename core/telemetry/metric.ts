/**
 * What a metric is, declared once. The declaration gives the typed handle, the Prometheus text, the OTLP export and
 * the docs table. Nothing here holds a value: that is the registry's part.
 */

/** UCUM base units: seconds, bytes, a ratio, or a count of what the braces name, such as `{event}`. */
export type Unit = 's' | 'By' | '1' | `{${string}}`

/** Label names with all the values each may take: `{ outcome: ['accepted', 'duplicate'] }`. */
export type Labels = Readonly<Record<string, readonly string[]>>

/** One value for each label. */
export type LabelValues<L extends Labels> = { readonly [K in keyof L]: L[K][number] }

type NoLabels = Readonly<Record<never, readonly string[]>>

export interface MetricOptions<L extends Labels> {
  /** OpenTelemetry name, dot-separated, without unit and `total`: `millrace.ingest.events` */
  readonly name: string
  readonly unit: Unit
  /** one sentence: the HELP line, the OTLP description and the meaning in the docs */
  readonly brief: string
  /** default none; the product of the variants is at most 2,000 */
  readonly labels?: L
}

export type MetricKind = 'counter' | 'up-down counter' | 'gauge' | 'histogram'

export interface MetricSpec<K extends MetricKind = MetricKind, L extends Labels = Labels>
  extends Required<MetricOptions<L>> {
  readonly kind: K
  /** inclusive upper bounds of the buckets, in the unit; empty unless it is a histogram */
  readonly bounds: readonly number[]
}

// NoInfer below: what a declaration is passed to must not widen the labels that it lists

/** A total that only grows. */
export const counter = declare('counter')

/** A sum that goes up and down and may be added up over labels and processes: open connections, queued bytes. */
export const upDownCounter = declare('up-down counter')

/** A reading that makes no sense when added up: an age, a ratio. */
export const gauge = declare('gauge')

/** How values of 0 and more are distributed over `bounds`, which are inclusive and ascending. */
export function histogram<const L extends Labels = NoLabels>(
  options: MetricOptions<L> & { bounds: readonly number[] },
): MetricSpec<'histogram', NoInfer<L>> {
  return { ...declare('histogram')(options), bounds: options.bounds }
}

/** Bounds for the usual units. */
export const bounds = {
  /** 0.5 ms to 60 s */
  seconds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
  /** 256 B to 256 MiB, by fours */
  bytes: [256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456],
  /** one row to a million */
  rows: [1, 10, 50, 100, 500, 1000, 5000, 10000, 50000, 100000, 500000, 1000000],
} as const

function declare<K extends MetricKind>(kind: K) {
  return <const L extends Labels = NoLabels>(options: MetricOptions<L>): MetricSpec<K, NoInfer<L>> => {
    const { name, unit, brief, labels } = options
    // without labels L is NoLabels, which the empty object is
    return { kind, name, unit, brief, labels: labels ?? ({} as L), bounds: [] }
  }
}
