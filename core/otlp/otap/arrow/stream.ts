import { type BatchContext, type Inflate, readBatch } from './batch.ts'
import type { Column } from './column.ts'
import { createDictionary, type Dictionary } from './dictionary.ts'
import { rootTable, type Table } from './flatbuffer.ts'
import { type Field, readSchema } from './schema.ts'

export interface Batch {
  rows: number
  columns: Column[]
}

/** One Arrow IPC stream (Columnar.rst, "IPC Streaming Format"), whose bytes come in fragments of whole messages. */
export interface ArrowStream {
  /**
   * The record batch of the next fragment, null where it has none. It is a view of `bytes`.
   *
   * @throws RangeError with a sentence; the stream cannot be read on after that
   */
  read(bytes: Uint8Array): Batch | null
  /** bytes that its dictionaries keep */
  size(): number
}

export interface StreamOptions {
  zstd: Inflate | undefined
  reserve: (bytes: number) => void
}

const continuation = 0xffffffff
// a schema of OTAP has 3 KB
const maxMetadata = 256 * 1024
// MessageHeader of format/Message.fbs
const header = { schema: 1, dictionary: 2, batch: 3 }

export function createArrowStream({ zstd, reserve }: StreamOptions): ArrowStream {
  let fields: Field[] | null = null
  let valueFields = new Map<bigint, Field>()
  const dictionaries = new Map<bigint, Dictionary>()
  const context: BatchContext = { zstd, reserve, dictionary: id => dictionaryOf(id).values }

  const dictionaryOf = (id: bigint): Dictionary => {
    let dictionary = dictionaries.get(id)
    if (dictionary === undefined) dictionaries.set(id, (dictionary = createDictionary()))
    return dictionary
  }

  const readDictionary = (table: Table, body: Uint8Array): void => {
    const id = table.id(0)
    const field = valueFields.get(id)
    const data = table.table(1)
    if (field === undefined) throw new RangeError(`dictionary ${id} belongs to no column`)
    if (data === null) throw new RangeError(`dictionary ${id} has no values`)
    const [column] = readBatch(data, body, [field], context)
    const isDelta = table.uint8(2) === 1
    const dictionary = dictionaryOf(id)
    if (isDelta && dictionary.values.length > 0) dictionary.append(column!)
    else dictionary.replace(column!)
  }

  return {
    read(bytes) {
      let batch: Batch | null = null
      for (const { type, table, body } of messages(bytes)) {
        if (type === header.schema) {
          fields = readSchema(table)
          valueFields = new Map()
          collectValues(fields, valueFields)
          dictionaries.clear()
          continue
        }
        if (fields === null) throw new RangeError('the stream does not begin with a schema')
        if (type === header.dictionary) {
          readDictionary(table, body)
        } else if (type === header.batch) {
          if (batch !== null) throw new RangeError('more than one record batch in one payload')
          batch = { rows: table.size(0), columns: readBatch(table, body, fields, context) }
        } else {
          throw new RangeError(`a message of the unknown type ${type}`)
        }
      }
      return batch
    },
    size() {
      let sum = 0
      for (const dictionary of dictionaries.values()) sum += dictionary.size()
      return sum
    },
  }
}

/** What the dictionaries of a schema hold: the field of each id, but without its keys. */
function collectValues(fields: Field[], to: Map<bigint, Field>): void {
  for (const field of fields) {
    if (field.dictionary !== null) {
      const other = to.get(field.dictionary.id)
      if (other !== undefined && (other.type !== field.type || other.width !== field.width)) {
        throw new RangeError(`columns ${other.name} and ${field.name} share a dictionary of two types`)
      }
      to.set(field.dictionary.id, { ...field, dictionary: null })
    }
    collectValues(field.children, to)
  }
}

interface Message {
  type: number
  table: Table
  body: Uint8Array
}

function* messages(bytes: Uint8Array): Generator<Message> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at < bytes.length) {
    if (view.getUint32(at, true) !== continuation) throw new RangeError(`byte ${at} begins no message`)
    const size = view.getUint32(at + 4, true)
    at += 8
    // the end of a stream, which goes on all the same where the sender says so
    if (size === 0) continue
    if (size > maxMetadata) throw new RangeError(`a message head of ${size} bytes, at most ${maxMetadata} are read`)
    if (size > bytes.length - at) throw new RangeError('a message head ends behind its payload')
    const message = rootTable(bytes.subarray(at, at + size))
    at += size
    const table = message.table(2)
    const length = message.size(3)
    if (table === null) throw new RangeError('a message without a header')
    if (length > bytes.length - at) throw new RangeError(`a message of ${length} bytes ends behind its payload`)
    yield { type: message.uint8(1), table, body: bytes.subarray(at, at + length) }
    at += length
  }
}
