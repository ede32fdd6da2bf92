import { type DataType, Field, DataType as Is } from 'apache-arrow'
import { parseExact } from '../../../runtime/batch/exact.ts'
import { OP, typeOf } from '../../../runtime/batch/types.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import type { KafkaConfig } from '../kafka.ts'
import { buildersOf, type Format } from './decoder.ts'

/** One object per message. */
export function openJson(config: KafkaConfig): Format {
  const fields = Object.entries(config.schema ?? {})
    .filter(([name]) => name !== OP)
    .map(([name, type]) => new Field(name, typeIn(name, type), true))
  const hasInnerDecimal = fields.some(({ type }) => !Is.isDecimal(type) && hasDecimal(type))
  return {
    fields,
    takesNull: false,
    decoder() {
      const columns = buildersOf(fields)
      const decimals = new Set(fields.filter(({ type }) => Is.isDecimal(type)).map(({ name }) => name))
      return {
        columns,
        decode(bytes, start, end, row) {
          const value = parseExact(textOf(bytes, start, end), hasInnerDecimal)
          if (typeof value !== 'object' || value === null || Array.isArray(value))
            throw new Error('it is no JSON object')
          for (const [name, builder] of columns) {
            const cell = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null
            try {
              builder.setValue(row, decimals.has(name) ? digitsFor(cell) : cell)
            } catch (error) {
              throw new Error(`column ${JSON.stringify(name)}: ${(error as Error).message}`)
            }
          }
          return -1
        },
        learn: async () => {},
      }
    },
  }
}

function typeIn(name: string, type: string) {
  try {
    return typeOf(type)
  } catch (error) {
    throw new PipelineError('bad_pipeline', (error as Error).message, { path: ['schema', name] })
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** JSON Schema serializers write byte 0 and an id before it. */
function textOf(bytes: Buffer, start: number, end: number): string {
  const from = bytes[start] === 0 && end - start > 5 ? start + 5 : start
  return utf8.decode(bytes.subarray(from, end))
}

/** A number where a decimal is wanted, as its digits: as a double it would be rounded. */
const digitsFor = (value: unknown): unknown => (typeof value === 'number' ? String(value) : value)

const hasDecimal = (type: DataType): boolean =>
  Is.isDecimal(type) || (type.children ?? []).some(child => hasDecimal(child.type))
