import { noText, type TextPool } from './pool.ts'
import {
  ascii,
  CLOSE_ARRAY,
  COMMA,
  OPEN_ARRAY,
  writeAscii,
  writeBase64,
  writeByte,
  writeBytes,
  writeClose,
  writeDouble,
  writeJsonDouble,
  writeSigned,
  writeString,
} from './text.ts'
import { fields, Refusal, type Wire } from './wire.ts'

/*
 * message AnyValue     { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
 *                                      ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
 * message ArrayValue   { repeated AnyValue values = 1; }
 * message KeyValueList { repeated KeyValue values = 1; }
 */
const STRING = 0x0a
const BOOL = 0x10
const INT = 0x18
const DOUBLE = 0x21
const ARRAY = 0x2a
const LIST = 0x32
const BYTES = 0x3a
const valueFields = fields(1, 2, 3, 4, 5, 6, 7)
const ELEMENT = 0x0a
const listFields = fields(1)

const NULL = ascii('null')
const TRUE = ascii('true')
const FALSE = ascii('false')

/** What an object of attributes is written by: `Attributes`, which knows their order. */
export interface ObjectWriter {
  /** Writes the KeyValues of the KeyValueLists at `spans` (start, end, start, end …), which are one. */
  list(spans: readonly number[], depth: number, field: string): void
}

/** Reads one AnyValue at a time: `begin`, `feed` with its bytes, then one of the writing methods. */
export class Values {
  private readonly wire: Wire
  private readonly pool: TextPool
  private readonly maxDepth: number
  /** the tag of the member that is set, 0 for none */
  private member = 0
  /** its payload, where it has one */
  private from = 0
  private to = 0
  private low = 0
  private high = 0
  /** payloads of an array or list that came in several pieces: a message that comes twice is merged */
  private pieces: number[] | undefined
  objects: ObjectWriter | undefined

  constructor(wire: Wire, pool: TextPool, maxDepth: number) {
    this.wire = wire
    this.pool = pool
    this.maxDepth = maxDepth
  }

  begin(): void {
    this.member = 0
    this.pieces = undefined
  }

  /** Takes the AnyValue at [start, end) in; more than one are merged. The last member that is set counts. */
  feed(start: number, end: number): void {
    const wire = this.wire
    wire.pos = start
    while (wire.pos < end) {
      const tag = wire.tag(end)
      switch (tag) {
        case STRING:
        case BYTES:
          this.to = wire.length(end)
          this.from = wire.pos
          wire.pos = this.to
          break
        case BOOL:
        case INT:
          wire.varint(end)
          this.low = wire.low
          this.high = wire.high
          break
        case DOUBLE:
          this.from = wire.fixed64(end)
          break
        case ARRAY:
        case LIST: {
          const to = wire.length(end)
          if (this.member === tag) {
            this.pieces ??= [this.from, this.to]
            this.pieces.push(wire.pos, to)
          } else this.pieces = undefined
          this.from = wire.pos
          this.to = to
          wire.pos = to
          break
        }
        default:
          wire.skip(tag, end, valueFields)
          continue
      }
      this.member = tag
    }
  }

  /** Writes the value as JSON. */
  json(depth: number, field: string): void {
    const { wire, pool } = this
    switch (this.member) {
      case STRING:
        writeString(pool, wire.bytes, this.from, this.to, field)
        return
      case INT:
        writeSigned(pool, this.low, this.high)
        return
      case BOOL:
        writeBytes(pool, this.low !== 0 || this.high !== 0 ? TRUE : FALSE)
        return
      case DOUBLE:
        writeJsonDouble(pool, wire.view.getFloat64(this.from, true))
        return
      case BYTES:
        writeByte(pool, 0x22)
        writeBase64(pool, wire.bytes, this.from, this.to)
        writeByte(pool, 0x22)
        return
      case ARRAY:
        this.array(this.pieces ?? [this.from, this.to], this.deeper(depth, field), field)
        return
      case LIST:
        this.objects!.list(this.pieces ?? [this.from, this.to], this.deeper(depth, field), field)
        return
      default:
        writeBytes(pool, NULL)
    }
  }

  /** The value as a text of the pool: strings, numbers and base64 bare, the rest as JSON; none for nothing and for "". */
  text(field: string, before = noText): number {
    const { wire, pool } = this
    const start = pool.length
    switch (this.member) {
      case 0:
        return noText
      case STRING:
        return this.from === this.to ? noText : pool.add(wire.bytes, this.from, this.to, field, before)
      case DOUBLE: {
        const value = wire.view.getFloat64(this.from, true)
        if (Number.isFinite(value)) writeDouble(pool, value)
        else writeAscii(pool, String(value))
        break
      }
      case BYTES:
        if (this.from === this.to) return noText
        writeBase64(pool, wire.bytes, this.from, this.to)
        break
      default:
        this.json(0, field)
    }
    return pool.seal(start, before)
  }

  private array(spans: readonly number[], depth: number, field: string): void {
    const { wire } = this
    const pool = this.pool
    writeByte(pool, OPEN_ARRAY)
    for (let k = 0; k < spans.length; k += 2) {
      const end = spans[k + 1]!
      let at = spans[k]!
      while (at < end) {
        wire.pos = at
        const tag = wire.tag(end)
        if (tag === ELEMENT) {
          at = wire.length(end)
          this.begin()
          this.feed(wire.pos, at)
          this.json(depth, field)
          writeByte(pool, COMMA)
        } else {
          wire.skip(tag, end, listFields)
          at = wire.pos
        }
      }
    }
    writeClose(pool, CLOSE_ARRAY)
  }

  private deeper(depth: number, field: string): number {
    if (depth >= this.maxDepth) throw new Refusal(`${field}: a value nests deeper than ${this.maxDepth}`)
    return depth + 1
  }
}
