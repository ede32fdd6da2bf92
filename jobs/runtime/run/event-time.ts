import { type Data, DataType, type Schema, TimeUnit } from 'apache-arrow'
import type { EventTime } from '../../topology/topology.ts'
import { columnsOf, validity } from '../batch/cells.ts'
import { nameOf } from '../batch/types.ts'
import type { NodeMetrics, SideOutput } from '../contract.ts'
import { PipelineError } from '../errors.ts'

/**
 * `telemetry.event_time` of a node: the latest time of its rows (`event_time_watermark_milliseconds`) and how far that
 * is behind the clock (`event_time_lag_milliseconds`).
 */
export function createWatermark({ column, unit }: EventTime, schema: Schema, metrics: NodeMetrics): SideOutput {
  const type = schema.fields.find(field => field.name === column)?.type
  if (type === undefined) {
    const names = schema.fields.map(field => field.name).join(', ')
    throw bad(`event_time: there is no column ${JSON.stringify(column)}; there are ${names}`)
  }
  const scale = perMillisecond(type, unit)
  let latest = Number.NEGATIVE_INFINITY
  return {
    async observe(batch) {
      const data = columnsOf(batch).find(({ name }) => name === column)!.data
      latest = Math.max(latest, greatest(data) / scale)
      if (latest === Number.NEGATIVE_INFINITY) return
      metrics.gauge('event_time_watermark_milliseconds', latest)
      metrics.gauge('event_time_lag_milliseconds', Date.now() - latest)
    },
    close: async () => {},
  }
}

const units: Readonly<Record<number, number>> = {
  [TimeUnit.SECOND]: 0.001,
  [TimeUnit.MILLISECOND]: 1,
  [TimeUnit.MICROSECOND]: 1000,
  [TimeUnit.NANOSECOND]: 1_000_000,
}
const named = { seconds: 0.001, milliseconds: 1, microseconds: 1000 }

function perMillisecond(type: DataType, unit: EventTime['unit']): number {
  if (DataType.isTimestamp(type)) return units[type.unit]!
  if (!DataType.isInt(type))
    throw bad(`event_time: the column is ${nameOf(type)}, and a time is a timestamp or an integer`)
  if (unit === undefined) throw bad('event_time: an integer column needs `unit`: seconds, milliseconds or microseconds')
  return named[unit]
}

function greatest(data: Data): number {
  const isValid = validity(data)
  const values = data.values as BigInt64Array | Int32Array
  let most = Number.NEGATIVE_INFINITY
  for (let row = 0; row < data.length; row++) if (isValid(row) && Number(values[row]) > most) most = Number(values[row])
  return most
}

const bad = (message: string) => new PipelineError('bad_pipeline', message, { path: ['telemetry', 'event_time'] })
