import { labelName, prometheusName } from './naming.ts'
import type { Registry } from './registry.ts'
import type { MetricSnapshot, Point } from './snapshot.ts'
import type { Combination } from './storage.ts'

/** Content-Type of `prometheusText`. */
export const prometheusMediaType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * All metrics in the Prometheus text exposition format 0.0.4, without timestamps.
 *
 * Scope labels are left out: a name is unique in its registry, so that they would tell nothing.
 */
export function prometheusText(registry: Registry): string {
  const families = registry.snapshot().flatMap(({ metrics }) => metrics.flatMap(family))
  return [...targetInfo(registry.resource), ...families].map(line => `${line}\n`).join('')
}

function family({ spec, points }: MetricSnapshot): string[] {
  const name = prometheusName(spec)
  // the format knows no up-down counter: what may fall is a gauge
  const type = spec.kind === 'up-down counter' ? 'gauge' : spec.kind
  const samples = points.flatMap(point =>
    spec.kind === 'histogram' ? distribution(name, spec.bounds, point) : [sample(name, point.labels, point.value)],
  )
  return [...head(name, type, spec.brief), ...samples]
}

function distribution(name: string, bounds: readonly number[], { labels, value, buckets }: Point): string[] {
  let count = 0
  const lines = buckets.map((inBucket, at) => {
    count += inBucket
    const le = at < bounds.length ? String(bounds[at]) : '+Inf'
    return sample(`${name}_bucket`, [...labels, ['le', le]], count)
  })
  return [...lines, sample(`${name}_sum`, labels, value), sample(`${name}_count`, labels, count)]
}

/** The resource as labels of one series; values of attributes whose names become the same are joined with `;`. */
function targetInfo(resource: Readonly<Record<string, string>>): string[] {
  const labels = new Map<string, string>()
  for (const attribute of Object.keys(resource).sort()) {
    const name = labelName(attribute)
    const before = labels.get(name)
    labels.set(name, before === undefined ? resource[attribute]! : `${before};${resource[attribute]}`)
  }
  if (labels.size === 0) return []
  return [...head('target_info', 'gauge', 'Target metadata'), sample('target_info', [...labels], 1)]
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${escapeText(help)}`, `# TYPE ${name} ${type}`]
}

function sample(name: string, labels: Combination, value: number): string {
  if (labels.length === 0) return `${name} ${value}`
  const pairs = labels.map(([label, text]) => `${label}="${escapeText(text).replaceAll('"', '\\"')}"`)
  return `${name}{${pairs.join(',')}} ${value}`
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
