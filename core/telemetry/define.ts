import { AppError } from '../errors.ts'
import type { MetricSpec } from './metric.ts'
import { isUnit, prometheusName, unitWord } from './naming.ts'

/** A metric may have at most this many label combinations: each costs its slots from the start. */
export const maxCombinations = 2000

export type MetricSpecs = Readonly<Record<string, MetricSpec>>

/** A set of metrics that one part of the program owns; checked, and without values. */
export interface MetricsDefinition<S extends MetricSpecs = MetricSpecs> {
  /** OpenTelemetry instrumentation scope, and the prefix of every name in the set */
  readonly scope: string
  readonly specs: S
}

/**
 * Checks the declarations, so that no mistake in them waits for a scrape.
 *
 * @param scope prefix of all names, such as `millrace.ingest`
 * @throws AppError `internal` for a bad name, unit, label or bound, a name used twice, or too many combinations
 */
export function defineMetrics<const S extends MetricSpecs>(scope: string, specs: S): MetricsDefinition<S> {
  if (!isName(scope)) throw bug(`scope '${scope}' is not of lower-case words joined by dots`)
  const taken = new Set<string>()
  for (const spec of Object.values(specs)) {
    checkName(scope, spec)
    checkLabels(spec)
    checkBounds(spec)
    claimSeries(taken, spec)
  }
  return { scope, specs }
}

/** Enters the names that `spec` has in the Prometheus text into `taken`; throws where one is there already. */
export function claimSeries(taken: Set<string>, spec: MetricSpec): void {
  const name = prometheusName(spec)
  const suffixes = spec.kind === 'histogram' ? ['', '_bucket', '_sum', '_count'] : ['']
  for (const suffix of suffixes) {
    if (taken.has(name + suffix)) throw bug(`metric '${spec.name}': the name ${name}${suffix} is taken`)
    taken.add(name + suffix)
  }
}

/** How many label combinations there are; 1 without labels. */
export function combinations(spec: MetricSpec): number {
  return Object.values(spec.labels).reduce((product, values) => product * values.length, 1)
}

function checkName(scope: string, { name, unit, brief }: MetricSpec): void {
  if (!isName(name) || name.length > 255) throw bug(`metric '${name}' is not of lower-case words joined by dots`)
  if (!name.startsWith(`${scope}.`)) throw bug(`metric '${name}' does not begin with its scope '${scope}.'`)
  if (!isUnit(unit)) throw bug(`metric '${name}': unit '${unit}' is none of s, By, 1 and {thing}`)
  const last = name.split(/[._]/).at(-1)
  if (last === 'total' || last === unitWord(unit))
    throw bug(`metric '${name}': leave '${last}' out, it is added where the format wants it`)
  if (brief.trim() === '') throw bug(`metric '${name}' says nothing about its meaning`)
}

function checkLabels(spec: MetricSpec): void {
  for (const [label, values] of Object.entries(spec.labels)) {
    // `le` is the label of the buckets
    if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(label) || label === 'le')
      throw bug(`metric '${spec.name}': '${label}' cannot be the name of a label`)
    if (values.length === 0) throw bug(`metric '${spec.name}': label '${label}' has no values`)
    if (new Set(values).size !== values.length) throw bug(`metric '${spec.name}': label '${label}' has a value twice`)
    // Prometheus takes an empty value for a label that is not there
    if (values.includes('')) throw bug(`metric '${spec.name}': label '${label}' has an empty value`)
  }
  const count = combinations(spec)
  if (count > maxCombinations)
    throw bug(`metric '${spec.name}' has ${count} label combinations, more than ${maxCombinations}`)
}

function checkBounds({ kind, name, bounds }: MetricSpec): void {
  if (kind !== 'histogram') return
  if (bounds.length === 0) throw bug(`metric '${name}' has no bounds`)
  const ascending = bounds.every((bound, at) => Number.isFinite(bound) && (at === 0 || bound > bounds[at - 1]!))
  if (!ascending || bounds[0]! < 0) throw bug(`metric '${name}': its bounds are not finite, ascending and from 0 up`)
}

function isName(name: string): boolean {
  return /^[a-z][a-z0-9]*([._][a-z0-9]+)*$/.test(name)
}

function bug(message: string): AppError {
  return new AppError('internal', message)
}
