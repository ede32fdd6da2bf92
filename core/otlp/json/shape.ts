/** How a JSON value becomes a field, and what it must be. */
export const kind = {
  string: 0,
  bytes: 1,
  /** ids may be empty or all zeros, but for those that a span has of itself */
  traceId: 2,
  spanId: 3,
  ownTraceId: 4,
  ownSpanId: 5,
  bool: 6,
  double: 7,
  fixed64: 8,
  sfixed64: 9,
  int64: 10,
  uint32: 11,
  fixed32: 12,
  sint32: 13,
  enum: 14,
  message: 15,
  /** an array of messages */
  messages: 16,
  /** an array of AnyValues, of which null is one */
  values: 17,
  /** arrays of numbers, packed */
  fixed64s: 18,
  doubles: 19,
  uint64s: 20,
  /** what holds records at some depth: an array of messages, or one */
  groups: 21,
  group: 22,
  /** an array of records */
  records: 23,
} as const

export type Kind = keyof typeof kind
type EnumNames = ReadonlyMap<string, number>

export interface Field {
  /** as JSON has it: lowerCamelCase */
  readonly name: string
  readonly number: number
  readonly kind: (typeof kind)[Kind]
  /** one bit, by the number */
  readonly bit: number
  /** of messages */
  readonly shape: Shape | undefined
  /** of enums */
  readonly values: EnumNames | undefined
}

interface Name {
  readonly bytes: Uint8Array
  readonly field: Field
}

/** A message: its fields by their names in JSON. Fields that are in no shape are unknown, and ignored. */
export class Shape {
  /** in messages to people */
  readonly title: string
  /** bytes that the length of such a message mostly takes */
  readonly width: number
  /** bits of the fields of which only one may be set */
  oneof = 0
  /** whether it counts as a level of nesting */
  nests = false
  /** bits of the fields that must be there */
  required = 0
  /** bits of the fields that hold records */
  items = 0
  readonly fields: Field[] = []
  private readonly byLength: Name[][] = []

  constructor(title: string, width: number) {
    this.title = title
    this.width = width
  }

  /** `[number, kind]`, and the shape or the values where the kind has one. */
  define(fields: Record<string, readonly [number, Kind, (Shape | EnumNames)?]>): this {
    for (const [name, [number, kindName, more]] of Object.entries(fields)) {
      const shape = more instanceof Shape ? more : undefined
      const values = more instanceof Shape ? undefined : more
      const field = { name, number, kind: kind[kindName], bit: 1 << number, shape, values }
      this.fields.push(field)
      if (field.kind >= kind.groups) this.items |= field.bit
      if (kindName === 'ownTraceId' || kindName === 'ownSpanId') this.required |= field.bit
      const snake = name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
      for (const text of new Set([name, snake])) {
        const bytes = new TextEncoder().encode(text)
        while (this.byLength.length <= bytes.length) this.byLength.push([])
        this.byLength[bytes.length]!.push({ bytes, field })
      }
    }
    return this
  }

  /** Of these fields at most one has a value. */
  exclusive(...names: string[]): this {
    for (const { name, bit } of this.fields) if (names.includes(name)) this.oneof |= bit
    return this
  }

  /** The names of the fields with these bits. */
  namesOf(bits: number): string {
    return this.fields
      .filter(({ bit }) => (bits & bit) !== 0)
      .map(({ name }) => name)
      .join(', ')
  }

  /** The field of the name that stands in `text` from `from` to `to`, which is lowerCamelCase or snake_case. */
  find(text: Uint8Array, from: number, to: number): Field | undefined {
    const names = this.byLength[to - from]
    if (names === undefined) return undefined
    next: for (const { bytes, field } of names) {
      for (let k = 0; k < bytes.length; k++) if (text[from + k] !== bytes[k]) continue next
      return field
    }
    return undefined
  }
}
