import { Field } from 'apache-arrow'
import { typeOf } from '../../../runtime/batch/types.ts'
import { buildersOf, type Format } from './decoder.ts'

/** Names of what is not in the value. */
export const rawKey = 'key'
export const rawHeaders = 'headers'

/** Bytes as they are: `key` and `value` binary, `headers` a JSON object. */
export function openRaw(): Format {
  const fields = [
    new Field(rawKey, typeOf('binary'), true),
    new Field('value', typeOf('binary'), true),
    new Field(rawHeaders, typeOf('utf8'), true),
  ]
  return {
    fields,
    takesNull: true,
    decoder() {
      const columns = buildersOf(fields)
      const value = columns.get('value')!
      return {
        columns,
        decode(bytes, start, end, row) {
          if (start < 0) value.setNull(row)
          else value.setBytes!(row, bytes, start, end)
          return -1
        },
        learn: async () => {},
      }
    },
  }
}
