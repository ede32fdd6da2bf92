import type { NodeMetrics } from '../contract.ts'
import type { CustomMetric } from './messages.ts'

/** Figures that nodes take by names of their own. At most 1,000 series, so that a label of a row's value cannot grow without end. */
export function createCustomMetrics(warn: (message: string) => void) {
  const series = new Map<string, { -readonly [K in keyof CustomMetric]: CustomMetric[K] }>()
  let full = false

  function of(node: string, kind: CustomMetric['kind'], name: string, labels: Readonly<Record<string, string>> = {}) {
    const key = JSON.stringify([node, kind, name, Object.entries(labels).sort()])
    let found = series.get(key)
    if (found !== undefined) return found
    if (series.size >= 1000) {
      if (!full)
        warn(`node '${node}' measures ${name} under more than 1,000 combinations of labels: new ones are left out`)
      full = true
      return undefined
    }
    found = { node, kind, name, labels, value: 0, count: 0 }
    series.set(key, found)
    return found
  }

  const metricsOf = (node: string): NodeMetrics => ({
    count(name, value, labels) {
      const metric = of(node, 'count', name, labels)
      if (metric !== undefined) metric.value += value
    },
    gauge(name, value, labels) {
      const metric = of(node, 'gauge', name, labels)
      if (metric !== undefined) metric.value = value
    },
    latency(name, value, labels) {
      const metric = of(node, 'latency', name, labels)
      if (metric === undefined) return
      metric.value += value
      metric.count++
    },
  })

  return { metricsOf, snapshot: (): CustomMetric[] => [...series.values()].map(metric => ({ ...metric })) }
}
