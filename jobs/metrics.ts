import { counter, gauge, type MetricSpec } from '../core/telemetry/metric.ts'
import { labelName, prometheusName } from '../core/telemetry/naming.ts'
import type { PipelineReport } from './main.ts'
import type { Meter } from './runtime/run/meter.ts'
import type { PipelineStatus } from './runtime/worker/messages.ts'

/**
 * Metrics of pipelines, declared once. Their labels are the names of pipelines and nodes and what `telemetry.labels`
 * adds, which are not known before a file is read; so they are rendered from the reports, and not kept in a registry.
 */

type Labels = readonly (readonly [string, string])[]
type Sample = readonly [labels: Labels, value: number]

interface NodeMetric {
  spec: MetricSpec
  of(meter: Meter): number
}

const perNode: readonly NodeMetric[] = [
  {
    spec: counter({ name: 'millrace.pipeline.node.rows_in', unit: '{row}', brief: 'Rows that a node took.' }),
    of: meter => meter.rowsIn,
  },
  {
    spec: counter({ name: 'millrace.pipeline.node.rows_out', unit: '{row}', brief: 'Rows that a node handed on.' }),
    of: meter => meter.rowsOut,
  },
  {
    spec: counter({
      name: 'millrace.pipeline.node.batches_out',
      unit: '{batch}',
      brief: 'Batches that a node handed on.',
    }),
    of: meter => meter.batchesOut,
  },
  {
    spec: counter({
      name: 'millrace.pipeline.node.io',
      unit: 'By',
      brief: 'Bytes of the batches that a node handed on.',
    }),
    of: meter => meter.bytesOut,
  },
  {
    spec: counter({ name: 'millrace.pipeline.node.work', unit: 's', brief: 'Time in calls of a node.' }),
    of: meter => meter.seconds,
  },
  {
    spec: counter({
      name: 'millrace.pipeline.node.blocked',
      unit: 's',
      brief: 'Time that a node waited for those who read it.',
    }),
    of: meter => meter.blockedSeconds,
  },
  {
    spec: counter({ name: 'millrace.pipeline.node.dropped', unit: '{row}', brief: 'Rows left out on purpose.' }),
    of: meter => meter.dropped,
  },
  {
    spec: counter({ name: 'millrace.pipeline.node.dead', unit: '{row}', brief: 'Rows that became dead letters.' }),
    of: meter => meter.dead,
  },
  {
    spec: counter({
      name: 'millrace.pipeline.node.retries',
      unit: '{try}',
      brief: 'Failed tries that were made again.',
    }),
    of: meter => meter.retries,
  },
  {
    spec: gauge({
      name: 'millrace.pipeline.node.degraded',
      unit: '{node}',
      brief: '1 while a node tries again and again.',
    }),
    of: meter => Number(meter.degraded),
  },
  {
    spec: gauge({
      name: 'millrace.pipeline.node.queued',
      unit: '{batch}',
      brief: 'Batches that wait in front of a node.',
    }),
    of: meter => meter.queued,
  },
]

const perPipeline: readonly { spec: MetricSpec; of(status: PipelineStatus, report: PipelineReport): number }[] = [
  {
    spec: gauge({ name: 'millrace.pipeline.up', unit: '{pipeline}', brief: '1 while the pipeline runs.' }),
    of: (_, { state }) => Number(state === 'running' || state === 'degraded'),
  },
  {
    spec: gauge({ name: 'millrace.pipeline.epoch', unit: '{epoch}', brief: 'The last epoch that is final.' }),
    of: ({ epoch }) => epoch,
  },
  {
    spec: counter({
      name: 'millrace.pipeline.checkpoints',
      unit: '{epoch}',
      brief: 'Epochs that this process made final.',
    }),
    of: ({ epochs }) => epochs,
  },
  {
    spec: counter({
      name: 'millrace.pipeline.checkpoint.time',
      unit: 's',
      brief: 'Time from asking for a checkpoint until it is final.',
    }),
    of: ({ epochSeconds }) => epochSeconds,
  },
  {
    spec: counter({
      name: 'millrace.pipeline.restarts',
      unit: '{restart}',
      brief: 'Starts from the last checkpoint after a failure.',
    }),
    of: ({ restarts }) => restarts,
  },
  {
    spec: gauge({ name: 'millrace.pipeline.dead_letters', unit: '{row}', brief: 'Dead letters that are kept.' }),
    of: ({ deadLetters }) => deadLetters,
  },
]

/** Every metric, for the documentation. */
export const pipelineSpecs: readonly MetricSpec[] = [...perPipeline, ...perNode].map(({ spec }) => spec)

/** All of them in the Prometheus text format. */
export function pipelineMetricsText(reports: readonly PipelineReport[]): string {
  const known = reports.flatMap(report => (report.status === undefined ? [] : [{ report, status: report.status }]))
  const lines: string[] = []
  const nodeLabels = (report: PipelineReport, name: string): Labels => {
    const node = report.info.nodes.find(candidate => candidate.name === name)
    const own: Labels = [
      ['pipeline', report.info.name],
      ['node', name],
      ['kind', node?.kind ?? ''],
      ['type', node?.type ?? ''],
    ]
    return joined(own, node?.labels ?? {})
  }
  for (const { spec, of } of perPipeline)
    lines.push(
      ...family(
        spec,
        known.map(({ report, status }) => [[['pipeline', report.info.name]], of(status, report)]),
      ),
    )
  for (const { spec, of } of perNode) {
    const samples = known.flatMap(({ report, status }) =>
      Object.entries(status.meters).map(([name, meter]): Sample => [nodeLabels(report, name), of(meter)]),
    )
    lines.push(...family(spec, samples))
  }
  return [...lines, ...customLines(known, nodeLabels)].map(line => `${line}\n`).join('')
}

/** What nodes measure by names of their own: the format wants all of one name together. */
function customLines(
  known: readonly { report: PipelineReport; status: PipelineStatus }[],
  nodeLabels: (report: PipelineReport, node: string) => Labels,
): string[] {
  const families = new Map<string, { kind: 'counter' | 'gauge'; samples: Sample[] }>()
  const add = (name: string, kind: 'counter' | 'gauge', one: Sample) => {
    const found = families.get(name) ?? { kind, samples: [] }
    families.set(name, found)
    found.samples.push(one)
  }
  for (const { report, status } of known)
    for (const { node, name, kind, labels, value, count } of status.custom) {
      const all = joined(nodeLabels(report, node), labels)
      const base = `millrace_pipeline_node_${labelName(name)}`
      if (kind === 'gauge') add(base, 'gauge', [all, value])
      else if (kind === 'count') add(`${base}_total`, 'counter', [all, value])
      else {
        add(`${base}_seconds_sum`, 'counter', [all, value])
        add(`${base}_seconds_count`, 'counter', [all, count])
      }
    }
  return [...families].flatMap(([name, { kind, samples }]) => [
    `# TYPE ${name} ${kind}`,
    ...samples.map(point => sample(name, point)),
  ])
}

/** Labels of others that are called like those before them are kept as Prometheus does: `exported_node`. */
function joined(own: Labels, others: Readonly<Record<string, string>>): Labels {
  const taken = new Set(own.map(([name]) => name))
  return [
    ...own,
    ...Object.entries(others).map(([name, value]) => [taken.has(name) ? `exported_${name}` : name, value] as const),
  ]
}

function family(spec: MetricSpec, samples: readonly Sample[]): string[] {
  if (samples.length === 0) return []
  const name = prometheusName(spec)
  return [`# HELP ${name} ${spec.brief}`, `# TYPE ${name} ${spec.kind}`, ...samples.map(point => sample(name, point))]
}

function sample(name: string, [labels, value]: Sample): string {
  const pairs = labels.map(([label, text]) => `${labelName(label)}="${escaped(text)}"`)
  return `${name}{${pairs.join(',')}} ${value}`
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
