import { type RowFunction, rowwise } from './rowwise.ts'

/**
 * Integers of 256 bits, with and without sign, as decimal text. Overflow, a division by zero and a null where a number
 * must be are errors, as in the model; a row whose number is null makes null.
 */
interface Wide {
  name: 'u256' | 'i256'
  least: bigint
  most: bigint
}

const u256: Wide = { name: 'u256', least: 0n, most: 2n ** 256n - 1n }
const i256: Wide = { name: 'i256', least: -(2n ** 255n), most: 2n ** 255n - 1n }

function check({ name, least, most }: Wide, value: bigint): bigint {
  if (value < least || value > most) throw new Error(`${value} does not fit into ${name}`)
  return value
}

function parse(wide: Wide, value: unknown): bigint {
  const text = String(value).trim()
  if (!/^[+-]?\d{1,78}$/.test(text)) throw new Error(`${JSON.stringify(text.slice(0, 100))} is no whole number`)
  return check(wide, BigInt(text))
}

function nonZero(value: bigint): bigint {
  if (value === 0n) throw new Error('division by zero')
  return value
}

const operations: Readonly<Record<string, (left: bigint, right: bigint) => bigint>> = {
  add: (left, right) => left + right,
  sub: (left, right) => left - right,
  mul: (left, right) => left * right,
  div: (left, right) => left / nonZero(right),
  mod: (left, right) => left % nonZero(right),
}

function functionsOf(wide: Wide): [name: string, made: RowFunction][] {
  const { name } = wide
  const to = (value: unknown) => parse(wide, value).toString()
  return [
    [`to_${name}`, { parameters: ['ANY'], returns: 'VARCHAR', call: to }],
    [`${name}_to_string`, { parameters: ['VARCHAR'], returns: 'VARCHAR', call: to }],
    ...Object.entries(operations).map(([operation, calculate]): [string, RowFunction] => [
      `${name}_${operation}`,
      {
        parameters: ['VARCHAR', 'VARCHAR'],
        returns: 'VARCHAR',
        call: (left, right) => check(wide, calculate(parse(wide, left), parse(wide, right))).toString(),
      },
    ]),
    [
      `${name}_cmp`,
      {
        parameters: ['VARCHAR', 'VARCHAR'],
        returns: 'BIGINT',
        call(left, right) {
          const [a, b] = [parse(wide, left), parse(wide, right)]
          return a < b ? -1n : a > b ? 1n : 0n
        },
      },
    ],
    [
      `${name}_to_hex`,
      {
        parameters: ['VARCHAR'],
        returns: 'VARCHAR',
        call: value => `0x${BigInt.asUintN(256, parse(wide, value)).toString(16).padStart(64, '0')}`,
      },
    ],
    [
      `${name}_from_hex`,
      {
        parameters: ['VARCHAR'],
        returns: 'VARCHAR',
        call(text) {
          const hex = String(text).replace(/^0x/i, '')
          if (!/^[0-9a-f]{1,64}$/i.test(hex)) throw new Error(`${JSON.stringify(text)} is no hex of up to 32 bytes`)
          return (name === 'u256' ? BigInt(`0x${hex}`) : BigInt.asIntN(256, BigInt(`0x${hex}`))).toString()
        },
      },
    ],
  ]
}

const signed: [name: string, made: RowFunction][] = [
  [
    'i256_neg',
    { parameters: ['VARCHAR'], returns: 'VARCHAR', call: value => check(i256, -parse(i256, value)).toString() },
  ],
  [
    'i256_abs',
    {
      parameters: ['VARCHAR'],
      returns: 'VARCHAR',
      call(value) {
        const number = parse(i256, value)
        return check(i256, number < 0n ? -number : number).toString()
      },
    },
  ],
  [
    'to_int64',
    {
      parameters: ['VARCHAR'],
      returns: 'BIGINT',
      call(value) {
        const number = parse(i256, value)
        return number < -(2n ** 63n) || number >= 2n ** 64n ? null : BigInt.asIntN(64, number)
      },
    },
  ],
]

export const wideFunctions = [...functionsOf(u256), ...functionsOf(i256), ...signed].map(([name, made]) =>
  rowwise(name, made),
)
