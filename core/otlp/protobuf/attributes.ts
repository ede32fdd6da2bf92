import { noText, type TextPool } from './pool.ts'
import { CLOSE_OBJECT, COMMA, OPEN_OBJECT, writeByte, writeClose, writeString } from './text.ts'
import type { ObjectWriter, Values } from './values.ts'
import { fields, type Wire } from './wire.ts'

/* message KeyValue { string key = 1; AnyValue value = 2; } */
const KEY = 0x0a
const VALUE = 0x12
const keyValueFields = fields(1, 2)
const ELEMENT = 0x0a
const listFields = fields(1)

/** lists up to this length are sorted by insertion */
const few = 24

/** numbers of one entry: where key and value begin and end. A value in several pieces: ~start and end of its KeyValue */
const size = 4

/**
 * Lists of KeyValues on their way to a JSON object. A list is what was added since `open`; lists nest, the inner one is
 * written and gone before the outer goes on.
 */
export class Attributes implements ObjectWriter {
  private readonly wire: Wire
  private readonly pool: TextPool
  private readonly values: Values
  private entries = new Int32Array(size * 64)
  /** entries in use */
  private top = 0
  /** entry numbers of the open lists in the order of their keys */
  private order = new Int32Array(64)

  constructor(wire: Wire, pool: TextPool, values: Values) {
    this.wire = wire
    this.pool = pool
    this.values = values
    values.objects = this
  }

  /** Begins a list, and names it: what `add` is called after is in it. */
  open(): number {
    return this.top
  }

  /** Forgets the list and what is in it. */
  close(list: number): void {
    this.top = list
  }

  /** Takes the KeyValue at [start, end) in; without a value it is none. */
  add(start: number, end: number): void {
    const { wire } = this
    let keyStart = 0
    let keyEnd = 0
    let valueStart = 0
    let valueEnd = 0
    let values = 0
    wire.pos = start
    while (wire.pos < end) {
      const tag = wire.tag(end)
      if (tag === KEY) {
        keyEnd = wire.length(end)
        keyStart = wire.pos
        wire.pos = keyEnd
      } else if (tag === VALUE) {
        valueEnd = wire.length(end)
        valueStart = wire.pos
        wire.pos = valueEnd
        values++
      } else wire.skip(tag, end, keyValueFields)
    }
    if (values === 0) return
    const at = size * this.top
    if (at === this.entries.length) this.grow()
    const { entries } = this
    entries[at] = keyStart
    entries[at + 1] = keyEnd
    entries[at + 2] = values === 1 ? valueStart : ~start
    entries[at + 3] = values === 1 ? valueEnd : end
    this.top++
  }

  /** The list as a text of the pool, and closes it; none where it is empty. */
  seal(list: number, field: string, before = noText): number {
    if (list === this.top) return noText
    const start = this.pool.length
    this.object(list, 0, field)
    return this.pool.seal(start, before)
  }

  /** Writes the list as a JSON object, and closes it. */
  object(list: number, depth: number, field: string): void {
    const { wire, pool } = this
    const end = this.top
    const repeated = this.sort(list, end)
    writeByte(pool, OPEN_OBJECT)
    for (let k = list; k < end; k++) {
      const entry = this.order[k]!
      // of equal keys the last counts
      if (repeated && k + 1 < end && this.compare(entry, this.order[k + 1]!) === 0) continue
      const at = size * entry
      writeString(pool, wire.bytes, this.entries[at]!, this.entries[at + 1]!, field)
      writeByte(pool, 0x3a)
      this.load(entry)
      this.values.json(depth, field)
      writeByte(pool, COMMA)
    }
    writeClose(pool, CLOSE_OBJECT)
    this.top = list
  }

  list(spans: readonly number[], depth: number, field: string): void {
    const list = this.open()
    for (let k = 0; k < spans.length; k += 2) this.addAll(spans[k]!, spans[k + 1]!)
    this.object(list, depth, field)
  }

  /** Takes the elements of the KeyValueList at [start, end) in. */
  private addAll(start: number, end: number): void {
    const { wire } = this
    let at = start
    while (at < end) {
      wire.pos = at
      const tag = wire.tag(end)
      if (tag === ELEMENT) {
        at = wire.length(end)
        this.add(wire.pos, at)
      } else {
        wire.skip(tag, end, listFields)
        at = wire.pos
      }
    }
  }

  /** Text of the value under `key`, the last one; see `Values.text`. */
  find(list: number, key: Uint8Array, field: string): number {
    const { bytes } = this.wire
    for (let entry = this.top - 1; entry >= list; entry--) {
      const start = this.entries[size * entry]!
      if (this.entries[size * entry + 1]! - start !== key.length) continue
      if (!key.every((byte, k) => bytes[start + k] === byte)) continue
      this.load(entry)
      return this.values.text(field)
    }
    return noText
  }

  /** Makes `values` hold the value of an entry. */
  private load(entry: number): void {
    const { wire, values } = this
    const start = this.entries[size * entry + 2]!
    const end = this.entries[size * entry + 3]!
    values.begin()
    if (start >= 0) {
      values.feed(start, end)
      return
    }
    let at = ~start
    while (at < end) {
      wire.pos = at
      const tag = wire.tag(end)
      if (tag === VALUE) {
        at = wire.length(end)
        values.feed(wire.pos, at)
      } else {
        wire.skip(tag, end, 0)
        at = wire.pos
      }
    }
  }

  /** Puts the order of the entries from `start` to `end` into `order`, and says whether a key comes twice. */
  private sort(start: number, end: number): boolean {
    const { order } = this
    if (end - start > few) {
      let repeated = false
      const compare = (a: number, b: number) => {
        const sign = this.compare(a, b)
        if (sign === 0) repeated = true
        return sign
      }
      const part = order.subarray(start, end)
      for (let k = start; k < end; k++) part[k - start] = k
      // stable by the language's own rule, so that of equal keys the last one stays behind
      part.sort((a, b) => compare(a, b) || a - b)
      return repeated
    }
    let repeated = false
    for (let k = start; k < end; k++) {
      let at = k
      while (at > start) {
        const sign = this.compare(order[at - 1]!, k)
        if (sign === 0) repeated = true
        if (sign <= 0) break
        order[at] = order[at - 1]!
        at--
      }
      order[at] = k
    }
    return repeated
  }

  /** Below, at or above 0, as the keys of two entries compare, byte by byte. */
  private compare(a: number, b: number): number {
    const { entries } = this
    const { bytes } = this.wire
    let left = entries[size * a]!
    let right = entries[size * b]!
    const leftEnd = entries[size * a + 1]!
    const rightEnd = entries[size * b + 1]!
    while (left < leftEnd && right < rightEnd) {
      const difference = bytes[left++]! - bytes[right++]!
      if (difference !== 0) return difference
    }
    return leftEnd - left - (rightEnd - right)
  }

  private grow(): void {
    const entries = new Int32Array(2 * this.entries.length)
    entries.set(this.entries)
    this.entries = entries
    const order = new Int32Array(2 * this.order.length)
    order.set(this.order)
    this.order = order
  }
}
