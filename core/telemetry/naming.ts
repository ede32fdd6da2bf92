import type { MetricSpec, Unit } from './metric.ts'

/**
 * OpenTelemetry names as Prometheus names.
 *
 * Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", metric metadata and attributes.
 */

const words: Partial<Record<Unit, string>> = { s: 'seconds', By: 'bytes', '1': 'ratio' }

export function isUnit(unit: string): unit is Unit {
  return Object.hasOwn(words, unit) || /^\{[a-z][a-z0-9_]*\}$/.test(unit)
}

/** The unit as a word of a name; undefined for a count of things, whose braces are only a remark. */
export function unitWord(unit: Unit): string | undefined {
  return words[unit]
}

/** `millrace.ingest.events` as `millrace_ingest_events_total`; of a histogram the name before `_bucket`. */
export function prometheusName({ kind, name, unit }: MetricSpec): string {
  const parts = [name.replaceAll('.', '_')]
  const word = unitWord(unit)
  // of the unit 1, only a gauge is a ratio
  if (word !== undefined && (unit !== '1' || kind === 'gauge')) parts.push(word)
  if (kind === 'counter') parts.push('total')
  return parts.join('_')
}

/** Any attribute name as a label name: `service.name` as `service_name`. */
export function labelName(attribute: string): string {
  return attribute
    .replace(/[^a-zA-Z0-9_]/g, '_')
    .replace(/_{2,}/g, '_')
    .replace(/^(?=[0-9]|$)/, '_')
}
