import type { Json, Position } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * `{ TOPIC: { id }, 'TOPIC:0': { offset, begin }, … }`: keys and `offset` are those of the model. `begin` is where this
 * pipeline began to read the partition without a break: another process of the group may have read what is before.
 */
export interface Place {
  /** of the next message */
  offset: number
  begin: number
}

export interface Places {
  /** of the topic; undefined: not known */
  id: string | undefined
  partitions: ReadonlyMap<number, Place>
}

export function positionOf(topic: string, { id, partitions }: Places): Position {
  const position: Record<string, Json> = {}
  if (id !== undefined) position[topic] = { id }
  for (const [partition, { offset, begin }] of partitions) position[`${topic}:${partition}`] = { offset, begin }
  return position
}

export function placesOf(topic: string, position: Position): Places {
  const partitions = new Map<number, Place>()
  let id: string | undefined
  for (const [key, value] of Object.entries(position)) {
    const fields = value as { id?: unknown; offset?: unknown; begin?: unknown } | null
    if (key === topic && typeof fields?.id === 'string') {
      id = fields.id
      continue
    }
    const number = key.startsWith(`${topic}:`) ? key.slice(topic.length + 1) : ''
    const offset = fields?.offset
    const begin = fields?.begin ?? 0
    if (/^\d+$/.test(number) && isCount(offset) && isCount(begin)) partitions.set(Number(number), { offset, begin })
    else
      throw new PipelineError(
        'state',
        `the state has a position ${JSON.stringify(key)}: ${JSON.stringify(value)}, which is none of the topic ${topic}: reset the pipeline, or give the source another name`,
      )
  }
  return { id, partitions }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
