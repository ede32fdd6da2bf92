import { claimSeries, defineMetrics, type MetricSpecs, type MetricsDefinition } from './define.ts'
import { refusedSlot } from './instruments.ts'
import { counter } from './metric.ts'
import { type SetSnapshot, snapshotSet } from './snapshot.ts'
import { allocate, handles, type Metrics, type Storage } from './storage.ts'

/** All metrics of one process, or of one test: there is no global one. */
export interface Registry {
  /** OpenTelemetry resource attributes, such as `service.name` */
  readonly resource: Readonly<Record<string, string>>
  readonly definitions: readonly MetricsDefinition[]
  /**
   * Gives the set its values and returns the handles.
   * @throws AppError `internal` where one of its names is registered already
   */
  register<S extends MetricSpecs>(definition: MetricsDefinition<S>): Metrics<S>
  /**
   * `read` runs before every snapshot, to set what is only known by asking; returns the way to stop.
   * Where it throws it is counted, and what it would have set keeps its last value.
   */
  observe(read: () => void): () => void
  /** A copy of all values, in order of registration. */
  snapshot(): SetSnapshot[]
}

const ownMetrics = defineMetrics('millrace.telemetry', {
  refused: counter({
    name: 'millrace.telemetry.refused',
    unit: '{measurement}',
    brief: 'Measurements left out because the value was impossible, or because reading it failed.',
    labels: { reason: ['value', 'read'] },
  }),
})

export function createRegistry({ resource = {} }: { resource?: Readonly<Record<string, string>> } = {}): Registry {
  let taken = new Set(['target_info'])
  const definitions: MetricsDefinition[] = []
  const storages: Storage[] = []
  const observers = new Set<() => void>()
  const { refused } = register(ownMetrics)

  function register<S extends MetricSpecs>(definition: MetricsDefinition<S>): Metrics<S> {
    // a copy, so that a set that is refused takes no names
    const claimed = new Set(taken)
    for (const spec of Object.values(definition.specs)) claimSeries(claimed, spec)
    taken = claimed
    const storage = allocate(definition)
    definitions.push(definition)
    storages.push(storage)
    return handles(definition, storage)
  }

  function snapshot(): SetSnapshot[] {
    for (const read of observers) {
      try {
        read()
      } catch {
        refused.with({ reason: 'read' }).add(1)
      }
    }
    const impossible = storages.reduce((sum, { values }) => sum + values[refusedSlot]!, 0)
    if (impossible > 0) refused.with({ reason: 'value' }).advanceTo(impossible)
    return storages.map(snapshotSet)
  }

  function observe(read: () => void): () => void {
    // a function of its own, so that the same `read` given twice is stopped one by one
    const observer = () => read()
    observers.add(observer)
    return () => observers.delete(observer)
  }

  return { resource: { ...resource }, definitions, register, observe, snapshot }
}
