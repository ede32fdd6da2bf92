import { Field } from 'apache-arrow'
import { OP, typeOf } from '../../../runtime/batch/types.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import type { KafkaConfig } from '../kafka.ts'
import { buildersOf, type Format } from './decoder.ts'

/** One object per message. */
export function openJson(config: KafkaConfig): Format {
  const fields = Object.entries(config.schema ?? {})
    .filter(([name]) => name !== OP)
    .map(([name, type]) => new Field(name, typeIn(name, type), true))
  return {
    fields,
    takesNull: false,
    decoder() {
      const columns = buildersOf(fields)
      return {
        columns,
        decode(bytes, start, end, row) {
          const value = parse(textOf(bytes, start, end))
          if (typeof value !== 'object' || value === null || Array.isArray(value))
            throw new Error('it is no JSON object')
          for (const [name, builder] of columns) {
            const cell = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null
            try {
              builder.setValue(row, cell)
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

const manyDigits = /\d{16}/

/** A number that a double does not hold stays text, and so exact. */
function parse(text: string): unknown {
  if (!manyDigits.test(text)) return JSON.parse(text)
  const exact = (_: string, value: unknown, { source }: { source: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d{16,}$/.test(source) ? BigInt(source) : value
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown)
}
