import { Refusal } from '../protobuf/wire.ts'
import type { Writer } from '../wire/writer.ts'
import { writeBase64, writeId } from './bytes.ts'
import { Integer, readDouble, readQuotedDouble } from './numbers.ts'
import type { Field } from './shape.ts'
import { MINUS, QUOTE, type Source } from './source.ts'
import { isUtf8 } from './utf8.ts'

const TRUE = 0x74
const FALSE = 0x66

const shownBytes = 60
/** no name of an enum's value is longer */
const longestName = 64

const ranges = {
  unsigned64: 'a whole number of 0 to 2^64-1',
  signed64: 'a whole number from -2^63 to 2^63-1',
  unsigned32: 'a whole number of 0 to 2^32-1',
  signed32: 'a whole number from -2^31 to 2^31-1',
}

/** Reads the scalar at the cursor; one that is not what its field needs throws a Refusal. */
export class Scalars {
  /** what the last integer was */
  readonly integer = new Integer()
  private readonly source: Source
  private readonly writer: Writer

  constructor(source: Source, writer: Writer) {
    this.source = source
    this.writer = writer
  }

  string({ name, number }: Field): void {
    const { source } = this
    this.quoted(name, 'a string')
    if (source.wide && !isUtf8(source.text, source.from, source.to))
      throw new Refusal(`${name} is not UTF-8, or has half of a surrogate pair`)
    this.writer.bytesField(number, source.text, source.from, source.to)
  }

  bytes({ name, number }: Field): void {
    const { source } = this
    const start = this.quoted(name, 'a base64 string')
    if (!writeBase64(this.writer, number, source.text, source.from, source.to)) this.wrong(name, 'base64', start)
  }

  id({ name, number }: Field, width: number, required: boolean): void {
    const { source, writer } = this
    const what = `${2 * width} hex digits`
    const start = this.quoted(name, what)
    if (source.from === source.to) {
      if (required) throw new Refusal(`${name} is empty`)
      return
    }
    if (!writeId(writer, number, source.text, source.from, source.to, width)) this.wrong(name, what, start)
    if (required && isZero(writer.bytes, writer.at - width, writer.at)) throw new Refusal(`${name} is all zeros`)
  }

  bool({ name, number }: Field): void {
    const byte = this.source.next()
    if (byte !== TRUE && byte !== FALSE) this.wrong(name, 'true or false')
    this.source.word(byte === TRUE ? 'true' : 'false')
    this.writer.varint(number, byte === TRUE ? 1 : 0)
  }

  double(name: string): number {
    const { source } = this
    const byte = source.next()
    const start = source.pos
    let value: number | undefined
    if (byte === QUOTE) {
      source.string()
      value = readQuotedDouble(source.text, source.from, source.to)
    } else if (isNumber(byte)) {
      source.number()
      value = readDouble(source.text, source.from, source.to)
      if (!Number.isFinite(value)) value = undefined
    }
    return value ?? this.wrong(name, 'a double', start)
  }

  unsigned64(name: string): void {
    const start = this.whole(name, ranges.unsigned64)
    if (!this.integer.isUnsigned(64)) this.wrong(name, ranges.unsigned64, start)
  }

  unsigned32(name: string): number {
    const start = this.whole(name, ranges.unsigned32)
    if (!this.integer.isUnsigned(32)) this.wrong(name, ranges.unsigned32, start)
    return this.integer.low
  }

  signed64(name: string): void {
    const start = this.whole(name, ranges.signed64)
    if (!this.integer.toSigned(64)) this.wrong(name, ranges.signed64, start)
  }

  signed32(name: string): number {
    const start = this.whole(name, ranges.signed32)
    if (!this.integer.toSigned(32)) this.wrong(name, ranges.signed32, start)
    return this.integer.low | 0
  }

  /** By its number, or by its name in the schema. */
  enum({ name, number, values }: Field): void {
    const { source, integer, writer } = this
    if (source.next() === QUOTE) {
      const start = source.pos
      source.string()
      const value = source.to - source.from > longestName ? undefined : values!.get(asText(source))
      if (value !== undefined) {
        writer.varint(number, value)
        return
      }
      source.pos = start
    }
    this.signed32(name)
    writer.varint64(number, integer.low, integer.high)
  }

  /** Refuses the value that begins at `start`, which has the cursor in it or behind it. */
  wrong(name: string, what: string, start = this.source.pos): never {
    const { source } = this
    source.pos = start
    source.skip()
    const bytes = source.bytes.subarray(start, Math.min(source.pos, start + shownBytes))
    const more = source.pos - start > shownBytes ? '…' : ''
    throw new Refusal(`${name} is ${new TextDecoder().decode(bytes)}${more}, not ${what}`)
  }

  /** Passes a string, and says where it began. */
  private quoted(name: string, what: string): number {
    const { source } = this
    if (source.next() !== QUOTE) this.wrong(name, what)
    const start = source.pos
    source.string()
    return start
  }

  /** Passes an integer, bare or in quotes, and says where it began. */
  private whole(name: string, what: string): number {
    const { source } = this
    const byte = source.next()
    const start = source.pos
    if (byte === QUOTE) source.string()
    else if (isNumber(byte)) source.number()
    else this.wrong(name, what)
    if (!this.integer.read(source.text, source.from, source.to)) this.wrong(name, what, start)
    return start
  }
}

const isNumber = (byte: number): boolean => byte === MINUS || (byte >= 0x30 && byte <= 0x39)

const asText = ({ text, from, to }: Source): string => String.fromCharCode(...text.subarray(from, to))

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false
  return true
}
