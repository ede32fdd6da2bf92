import { Budget } from '../protobuf/budget.ts'
import { Refusal } from '../protobuf/wire.ts'
import type { DeadRecord, Signal } from '../records.ts'
import { Writer } from '../wire/writer.ts'
import { dropField } from './drop.ts'
import { Messages } from './messages.ts'
import { requests } from './schema.ts'
import { type Field, kind, type Shape } from './shape.ts'
import { Fault, OPEN_ARRAY, OPEN_OBJECT, Source } from './source.ts'

/** The envelopes hold records three or four levels down: heads are what stands beside those. */
const heads = 1
const items = 2

const defaultDepth = 64
const defaultRecordBytes = 16 * 1024 * 1024
const defaultMemory = 1024 * 1024 * 1024
/** memory of a dead letter beside its bytes */
const deadBytes = 512
/** heads that may come twice in what is taken at once: each costs a walk over what was written */
const mostRepeated = 64
/** of a metric's name in a message */
const shownBytes = 200

export interface JsonOptions {
  /** nesting of attribute values; deeper ones refuse their record. Default 64 */
  maxDepth?: number
  /** bytes of one record as JSON; longer ones are refused, and cut in their dead letters. Default 16 MiB */
  maxRecordBytes?: number
  /** bytes of the protobuf that is made, and of the refused records. Default 1 GiB each */
  maxMemory?: number
}

/** Thrown where a head breaks a rule and records under it are written already. */
const late = Symbol('late')

/** Turns envelopes into one request, record by record; those that break a rule are `dead`. */
export class JsonRequest {
  readonly source: Source
  readonly writer: Writer
  readonly dead: DeadRecord[] = []
  private readonly root: Shape
  private readonly messages: Messages
  private readonly maxRecordBytes: number
  private readonly budget: Budget
  /** of the next record */
  private position = 0
  /** why all records are refused that come now */
  private refusal: string | undefined
  /** whether heads are read before the records, wherever they stand */
  private headsFirst = false
  private repeated = 0
  /** where the name of the metric in work stands; the same twice for none */
  private nameStart = 0
  private nameEnd = 0

  constructor(signal: Signal, body: Uint8Array, options: JsonOptions) {
    const memory = options.maxMemory ?? defaultMemory
    this.root = requests[signal]
    this.source = new Source(body)
    // protobuf takes about half of what JSON does
    this.writer = new Writer(memory, 1024 + Math.floor(body.length / 2))
    this.messages = new Messages(this.source, this.writer, options.maxDepth ?? defaultDepth)
    this.maxRecordBytes = options.maxRecordBytes ?? defaultRecordBytes
    this.budget = new Budget(memory)
  }

  /** Takes what stands from `start` to `end`: one envelope, or an array of them. Throws a Fault and takes nothing. */
  take(start: number, end: number): void {
    const { at } = this.writer
    const { position } = this
    const dead = this.dead.length
    const back = () => {
      this.writer.at = at
      this.position = position
      this.dead.length = dead
      this.refusal = undefined
    }
    try {
      this.envelopes(start, end)
    } catch (thrown) {
      back()
      if (thrown !== late) throw thrown
      this.headsFirst = true
      try {
        this.envelopes(start, end)
      } catch (again) {
        back()
        throw again
      } finally {
        this.headsFirst = false
      }
    }
  }

  /** Makes one dead letter of what stands from `start` to `end`. */
  refuse(start: number, end: number, message: string): void {
    const raw = this.source.bytes.slice(start, Math.min(end, start + this.maxRecordBytes)) as Uint8Array<ArrayBuffer>
    this.budget.take(raw.length + deadBytes)
    this.dead.push({ at: this.position++, code: 'bad_record', message, size: end - start, raw })
  }

  private envelopes(start: number, end: number): void {
    const { source } = this
    source.narrow(start, end)
    this.repeated = 0
    const byte = source.next()
    if (byte === OPEN_ARRAY) {
      if (source.enterArray())
        do this.envelope()
        while (source.moreInArray())
    } else this.envelope()
    source.finish()
  }

  private envelope(): void {
    const { source, root } = this
    if (source.next() === OPEN_OBJECT) {
      this.object(root)
      return
    }
    const { pos } = source
    source.skip()
    source.broken(`a request is an object with ${root.namesOf(root.items)}`, pos)
  }

  /** Takes the object at the cursor, which holds records at some depth. */
  private object(shape: Shape): void {
    const { source, position, refusal } = this
    const { at } = this.writer
    const start = source.pos
    if (this.headsFirst) {
      this.pass(shape, heads, position, at)
      source.pos = start
      this.pass(shape, items, position, at)
    } else this.pass(shape, heads | items, position, at)
    this.refusal = refusal
  }

  /**
   * @param first position of the first record under the object
   * @param at where its message begins
   */
  private pass(shape: Shape, which: number, first: number, at: number): void {
    const { source } = this
    let seen = 0
    if (!source.enterObject()) return
    do {
      source.key()
      const field = shape.find(source.text, source.from, source.to)
      if (field === undefined) {
        if (shape === this.root) this.checkForeign()
        source.skip()
        continue
      }
      const isItem = (field.bit & shape.items) !== 0
      if (!isItem && (which & heads) === 0) {
        source.skip()
        continue
      }
      if (!isItem && (seen & field.bit) !== 0) this.again(field, first, at)
      if (this.messages.absent()) continue
      if (isItem && (which & heads) !== 0 && (seen & shape.oneof & ~field.bit) !== 0)
        this.spoil(`${shape.namesOf(seen & shape.oneof)} and ${field.name} are set: only one may be`, first)
      seen |= field.bit
      if (!isItem) this.head(shape, field, first)
      else if ((which & items) !== 0) this.items(shape, field)
      else source.skip()
    } while (source.moreInObject())
  }

  /** Of heads that come twice the last counts: takes back what the earlier one left. */
  private again(field: Field, first: number, at: number): void {
    if (++this.repeated > mostRepeated) this.spoil(`more than ${mostRepeated} keys come twice`, first)
    else dropField(this.writer, at, field.number)
  }

  private head(shape: Shape, field: Field, first: number): void {
    const { source, writer } = this
    const start = source.pos
    const { at } = writer
    try {
      this.messages.head(field)
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      writer.at = at
      source.pos = start
      source.skip()
      this.spoil(`${field.shape === undefined ? shape.title : field.shape.title}: ${thrown.reason}`, first)
    }
    if (shape.oneof === 0 || field.name !== 'name') return
    this.nameStart = start
    this.nameEnd = source.pos
  }

  /** All records of the object in work are refused, those too that stand before the reason. */
  private spoil(reason: string, first: number): void {
    if (this.position > first) throw late
    this.refusal ??= reason
  }

  private items(shape: Shape, field: Field): void {
    const { source } = this
    if (field.kind === kind.group) {
      this.group(field)
      return
    }
    if (source.next() !== OPEN_ARRAY) {
      if (shape === this.root) source.broken(`${field.name} is no array`, source.pos)
      this.refuseValue(`${field.name} is no array`)
      return
    }
    if (!source.enterArray()) return
    do {
      if (field.kind === kind.records) this.record(field)
      else this.group(field)
    } while (source.moreInArray())
  }

  private group(field: Field): void {
    const { source, writer } = this
    const shape = field.shape!
    if (source.next() !== OPEN_OBJECT) {
      this.refuseValue(`${shape.title} is no object`)
      return
    }
    const { at } = writer
    const { position } = this
    const dead = this.dead.length
    const isMetric = shape.oneof !== 0
    if (isMetric) this.nameEnd = this.nameStart
    const mark = writer.open(field.number, shape.width)
    this.object(shape)
    if (isMetric) this.nameEnd = this.nameStart
    // a group without a row takes no room
    if (this.position - position === this.dead.length - dead) writer.at = at
    else writer.close(mark)
  }

  private refuseValue(message: string): void {
    const { source } = this
    const start = source.pos
    source.skip()
    this.refuse(start, source.pos, this.refusal ?? message)
  }

  private record(field: Field): void {
    const { source, writer } = this
    source.next()
    const start = source.pos
    if (this.refusal !== undefined) {
      source.skip()
      this.refuse(start, source.pos, `${this.metric()}${this.refusal}`)
      return
    }
    const { at } = writer
    try {
      this.messages.record(field)
      if (source.pos - start > this.maxRecordBytes)
        throw new Refusal(`the record has ${source.pos - start} bytes, more than ${this.maxRecordBytes}`)
      this.position++
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      writer.at = at
      source.pos = start
      source.skip()
      this.refuse(start, source.pos, `${this.metric()}${thrown.reason}`)
    }
  }

  /** What messages about data points begin with. */
  private metric(): string {
    if (this.nameStart === this.nameEnd) return ''
    const name = this.source.bytes.subarray(this.nameStart, Math.min(this.nameEnd, this.nameStart + shownBytes))
    return `metric ${new TextDecoder().decode(name).trim()}: `
  }

  /** Records of another signal would be lost as an unknown field. */
  private checkForeign(): void {
    const { source } = this
    for (const [signal, { fields }] of Object.entries(requests))
      for (const { name } of fields)
        if (requests[signal as Signal].find(source.text, source.from, source.to) !== undefined)
          throw new Fault(`${name} are no part of this request: send them to /v1/${signal}`, source.pos)
  }
}
