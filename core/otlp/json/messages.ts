import { Refusal } from '../protobuf/wire.ts'
import type { Writer } from '../wire/writer.ts'
import { dropField } from './drop.ts'
import { Scalars } from './scalars.ts'
import { type Field, kind, type Shape } from './shape.ts'
import { OPEN_ARRAY, OPEN_OBJECT, type Source } from './source.ts'

const NULL = 0x6e

/** keys of one record that may come twice: each costs a walk over what was written */
const mostRepeated = 64

/**
 * Turns JSON objects into messages (proto3 JSON mapping; OTLP specification, "JSON Protobuf Encoding"). Where one breaks a
 * rule a Refusal is thrown: the cursor and what was written are the caller's to set back.
 */
export class Messages {
  private readonly source: Source
  private readonly writer: Writer
  private readonly scalars: Scalars
  private readonly maxDepth: number
  private repeated = 0

  constructor(source: Source, writer: Writer, maxDepth: number) {
    this.source = source
    this.writer = writer
    this.scalars = new Scalars(source, writer)
    this.maxDepth = maxDepth
  }

  /** Writes a field of what stands above the records. */
  head(field: Field): void {
    this.repeated = 0
    this.value(field, 0)
  }

  /** Writes a record. */
  record(field: Field): void {
    this.repeated = 0
    this.message(field, 0, true)
  }

  /** Passes null, and says whether that stood there: it is the same as no field. */
  absent(): boolean {
    if (this.source.next() !== NULL) return false
    this.source.word('null')
    return true
  }

  private message(field: Field, depth: number, isElement: boolean): void {
    const shape = field.shape!
    if (this.source.next() !== OPEN_OBJECT)
      this.scalars.wrong(isElement ? `an element of ${field.name}` : field.name, 'an object')
    const mark = this.writer.open(field.number, shape.width)
    this.fields(shape, depth)
    this.writer.close(mark)
  }

  /** Writes the fields of the object at the cursor. */
  private fields(shape: Shape, depth: number): void {
    const { source, writer } = this
    const start = writer.at
    let seen = 0
    if (source.enterObject())
      do {
        source.key()
        const field = shape.find(source.text, source.from, source.to)
        if (field === undefined) {
          source.skip()
          continue
        }
        const { bit } = field
        if ((seen & bit) !== 0) {
          this.again(field, start)
          seen &= ~bit
        }
        if (this.absent()) continue
        if ((bit & shape.oneof) !== 0 && (seen & shape.oneof) !== 0)
          throw new Refusal(
            `${shape.title} has ${shape.namesOf(seen & shape.oneof)} and ${field.name}: only one may be set`,
          )
        seen |= bit
        this.value(field, depth)
      } while (source.moreInObject())
    if ((seen & shape.required) !== shape.required)
      throw new Refusal(`${shape.namesOf(shape.required & ~seen)} is missing`)
  }

  /** Of keys that come twice the last counts: takes back what the earlier one left. */
  private again(field: Field, start: number): void {
    if (++this.repeated > mostRepeated) throw new Refusal(`more than ${mostRepeated} keys come twice`)
    dropField(this.writer, start, field.number)
  }

  private value(field: Field, depth: number): void {
    const { writer, scalars } = this
    const { number, name } = field
    switch (field.kind) {
      case kind.string:
        scalars.string(field)
        return
      case kind.bytes:
        scalars.bytes(field)
        return
      case kind.traceId:
        scalars.id(field, 16, false)
        return
      case kind.spanId:
        scalars.id(field, 8, false)
        return
      case kind.ownTraceId:
        scalars.id(field, 16, true)
        return
      case kind.ownSpanId:
        scalars.id(field, 8, true)
        return
      case kind.bool:
        scalars.bool(field)
        return
      case kind.double:
        writer.double(number, scalars.double(name))
        return
      case kind.fixed64:
        scalars.unsigned64(name)
        writer.fixed64(number, scalars.integer.low, scalars.integer.high)
        return
      case kind.sfixed64:
        scalars.signed64(name)
        writer.fixed64(number, scalars.integer.low, scalars.integer.high)
        return
      case kind.int64:
        scalars.signed64(name)
        writer.varint64(number, scalars.integer.low, scalars.integer.high)
        return
      case kind.uint32:
        writer.varint(number, scalars.unsigned32(name))
        return
      case kind.fixed32:
        writer.fixed32(number, scalars.unsigned32(name))
        return
      case kind.sint32:
        writer.zigzag(number, scalars.signed32(name))
        return
      case kind.enum:
        scalars.enum(field)
        return
      case kind.message:
        this.message(field, this.deeper(field, depth), false)
        return
      case kind.messages:
      case kind.values:
        this.messages(field, depth)
        return
      default:
        this.packed(field)
    }
  }

  private messages(field: Field, depth: number): void {
    const { source, writer } = this
    if (!this.enterArray(field)) return
    do {
      if (field.kind === kind.values && this.absent()) writer.close(writer.open(field.number, 1))
      else this.message(field, depth, true)
    } while (source.moreInArray())
  }

  private packed(field: Field): void {
    const { source, writer, scalars } = this
    const { integer } = scalars
    if (!this.enterArray(field)) return
    const mark = writer.open(field.number, 2)
    do {
      writer.reserve(10)
      if (field.kind === kind.doubles) {
        writer.rawDouble(scalars.double(field.name))
        continue
      }
      scalars.unsigned64(field.name)
      if (field.kind === kind.fixed64s) writer.raw8(integer.low, integer.high)
      else writer.raw64(integer.low, integer.high)
    } while (source.moreInArray())
    writer.close(mark)
  }

  private enterArray({ name }: Field): boolean {
    if (this.source.next() !== OPEN_ARRAY) this.scalars.wrong(name, 'an array')
    return this.source.enterArray()
  }

  private deeper({ shape, name }: Field, depth: number): number {
    if (!shape!.nests) return depth
    if (depth >= this.maxDepth) throw new Refusal(`${name}: a value nests deeper than ${this.maxDepth}`)
    return depth + 1
  }
}
