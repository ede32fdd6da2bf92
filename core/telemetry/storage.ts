import { AppError } from '../errors.ts'
import type { MetricSpecs, MetricsDefinition } from './define.ts'
import { Counter, Gauge, Histogram, refusedSlot, untouched } from './instruments.ts'
import type { Labels, LabelValues, MetricKind, MetricSpec } from './metric.ts'

/** The values of one registered set, and where each metric has its slots. */
export interface Storage {
  readonly scope: string
  readonly values: Float64Array
  readonly metrics: readonly Place[]
}

/** Combination k of the labels has the slots `first + k * width` and following. */
export interface Place {
  readonly spec: MetricSpec
  readonly first: number
  readonly width: number
  /** in order, the last label changing fastest; one empty combination where there are no labels */
  readonly combinations: readonly Combination[]
}

export type Combination = readonly (readonly [label: string, value: string])[]

interface Instruments {
  counter: Counter
  'up-down counter': Gauge
  gauge: Gauge
  histogram: Histogram
}

/** A metric with labels: `with` gives the instrument of one combination, always the same, to be kept on hot paths. */
export interface Labelled<L extends Labels, I> {
  /** @throws AppError `internal` for a value that the declaration does not list */
  with(labels: LabelValues<L>): I
}

type Handle<M> =
  M extends MetricSpec<infer K, infer L>
    ? [keyof L] extends [never]
      ? Instruments[K]
      : Labelled<L, Instruments[K]>
    : never

/** The typed handles of a set, by the keys of its definition. */
export type Metrics<S extends MetricSpecs> = { readonly [K in keyof S]: Handle<S[K]> }

export function allocate({ scope, specs }: MetricsDefinition): Storage {
  let next = refusedSlot + 1
  const metrics = Object.values(specs).map(spec => {
    const combinations = combine(spec.labels)
    const place = { spec, combinations, first: next, width: spec.kind === 'histogram' ? spec.bounds.length + 2 : 1 }
    next += place.width * combinations.length
    return place
  })
  return { scope, metrics, values: new Float64Array(next).fill(untouched) }
}

function combine(labels: Labels): Combination[] {
  let combinations: Combination[] = [[]]
  for (const [label, values] of Object.entries(labels))
    combinations = combinations.flatMap(before => values.map(value => [...before, [label, value] as const]))
  return combinations
}

export function handles<S extends MetricSpecs>(definition: MetricsDefinition<S>, storage: Storage): Metrics<S> {
  const entries = Object.keys(definition.specs).map((key, at) => [key, handle(storage.values, storage.metrics[at]!)])
  // the same as the mapped type says, which a loop cannot
  return Object.fromEntries(entries) as Metrics<S>
}

function handle(values: Float64Array, { spec, first, width, combinations }: Place): unknown {
  const bound = combinations.map((_, k) => instrument(spec, values, first + k * width))
  return Object.keys(spec.labels).length === 0 ? bound[0] : labelled(spec, bound)
}

function instrument(spec: MetricSpec, values: Float64Array, slot: number): Instruments[MetricKind] {
  if (spec.kind === 'counter') return new Counter(values, slot)
  return spec.kind === 'histogram' ? new Histogram(values, slot, spec.bounds) : new Gauge(values, slot)
}

function labelled<I>(spec: MetricSpec, bound: readonly I[]): Labelled<Labels, I> {
  const axes = Object.entries(spec.labels).map(([label, values]) => ({
    label,
    size: values.length,
    index: new Map(values.map((value, at) => [value, at])),
  }))
  return {
    with(labels) {
      let combination = 0
      for (const { label, size, index } of axes) {
        const at = index.get(labels[label]!)
        if (at === undefined)
          throw new AppError('internal', `metric '${spec.name}': label '${label}' has no value '${labels[label]}'`)
        combination = combination * size + at
      }
      return bound[combination]!
    },
  }
}
