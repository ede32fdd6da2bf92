import type { Signal } from '../records.ts'

/**
 * Names and numbers of opentelemetry/proto/experimental/arrow/v1/arrow_service.proto: the tables that a stream of each
 * signal may have (OTAP specification 3.1). MULTIVARIATE_METRICS, 25, has a number but no columns in the specification.
 */
const common = { RESOURCE_ATTRS: 1, SCOPE_ATTRS: 2 }
export const payloadTypes = {
  logs: { ...common, LOGS: 30, LOG_ATTRS: 31 },
  traces: {
    ...common,
    SPANS: 40,
    SPAN_ATTRS: 41,
    SPAN_EVENTS: 42,
    SPAN_LINKS: 43,
    SPAN_EVENT_ATTRS: 44,
    SPAN_LINK_ATTRS: 45,
  },
  metrics: {
    ...common,
    UNIVARIATE_METRICS: 10,
    NUMBER_DATA_POINTS: 11,
    SUMMARY_DATA_POINTS: 12,
    HISTOGRAM_DATA_POINTS: 13,
    EXP_HISTOGRAM_DATA_POINTS: 14,
    NUMBER_DP_ATTRS: 15,
    SUMMARY_DP_ATTRS: 16,
    HISTOGRAM_DP_ATTRS: 17,
    EXP_HISTOGRAM_DP_ATTRS: 18,
    NUMBER_DP_EXEMPLARS: 19,
    HISTOGRAM_DP_EXEMPLARS: 20,
    EXP_HISTOGRAM_DP_EXEMPLARS: 21,
    NUMBER_DP_EXEMPLAR_ATTRS: 22,
    HISTOGRAM_DP_EXEMPLAR_ATTRS: 23,
    EXP_HISTOGRAM_DP_EXEMPLAR_ATTRS: 24,
    METRIC_ATTRS: 26,
  },
} as const satisfies Record<Signal, Record<string, number>>

type Names<S> = S extends Signal ? keyof (typeof payloadTypes)[S] : never
export type PayloadName = Names<Signal>

/** The name of a payload type within a signal, or null where it has no such table. */
export function payloadName(signal: Signal, type: number): PayloadName | null {
  const found = Object.entries(payloadTypes[signal]).find(([, number]) => number === type)
  return (found?.[0] as PayloadName | undefined) ?? null
}
