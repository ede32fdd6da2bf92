import { resolve } from 'node:path'
import { PipelineError } from '../../runtime/errors.ts'
import { isPostgres } from '../../sources/events/stores.ts'
import { readPipeline } from '../../state/name.ts'
import type { RawNode } from '../../topology/parse.ts'
import type { KindDeps } from '../kinds.ts'
import { storeNameOf } from '../store.ts'
import type { Exported } from './positions.ts'

/**
 * How far the pipelines of `exporters` have read the table of a store: the positions that are final in their state, one
 * per source. A pipeline without state has read nothing.
 */
export async function positionsOf(
  exporters: readonly string[],
  { table, store }: { table: string; store: string },
  deps: Pick<KindDeps, 'jobs' | 'state'>,
): Promise<Exported[]> {
  const found: Exported[] = []
  for (const exporter of exporters) {
    const file = deps.jobs.find(job => job.name === exporter)?.pipeline ?? resolve(exporter)
    const { name, nodes } = readPipeline(file)
    const namespace = `${deps.state.application_id}/${name}`
    const known = isPostgres(store) ? ', from a store with the same host, port, database and schema' : ''
    const sources = nodes.filter(node => reads(node, table, store))
    if (sources.length === 0)
      throw new PipelineError(
        'bad_pipeline',
        `the pipeline ${file} has no source of type events over the table ${table} of ${storeNameOf(store).shown}: exported_by names the one that reads it${known}`,
      )
    const state = await deps.state.positions(namespace)
    for (const source of sources) found.push(positionOf(state.get(`${source.name}:${table}`), namespace, source.name))
  }
  return found
}

function reads({ section, type, keys }: RawNode, table: string, store: string): boolean {
  if (section !== 'sources' || type !== 'events' || (keys.table ?? 'events') !== table) return false
  const named = keys.store ?? 'sqlite:./millrace.db'
  const isKnown = typeof named === 'string' && (isPostgres(named) || named.startsWith('sqlite:'))
  return isKnown && storeNameOf(named).id === storeNameOf(store).id
}

function positionOf(value: unknown, namespace: string, source: string): Exported {
  if (value === undefined) return { id: 0, received_at: undefined }
  const { position, received_at } = (value ?? {}) as { position?: unknown; received_at?: unknown }
  if (Number.isSafeInteger(position))
    return {
      id: position as number,
      received_at: Number.isSafeInteger(received_at) ? (received_at as number) : undefined,
    }
  throw new PipelineError(
    'state',
    `the position of the source ${source} in the state of ${namespace} is none of an events source: ${JSON.stringify(value)}`,
  )
}
