import { createHash } from 'node:crypto'
import { createKeccak, createXXHash3 } from 'hash-wasm'
import { type RowFunction, rowwise } from './rowwise.ts'

/** Hashes, and bytes as text. */
const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const digits = new Map([...alphabet].map((character, value) => [character, value]))

export function toBase58(bytes: Uint8Array): string {
  let value = BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (; value > 0n; value /= 58n) text = alphabet[Number(value % 58n)] + text
  const zeros = bytes.findIndex(byte => byte !== 0)
  return '1'.repeat(zeros < 0 ? bytes.length : zeros) + text
}

/** Empty where the text is no Base58, as in the model. */
export function fromBase58(text: string): Uint8Array {
  let value = 0n
  for (const character of text) {
    const digit = digits.get(character)
    if (digit === undefined) return new Uint8Array()
    value = value * 58n + BigInt(digit)
  }
  const zeros = /^1*/.exec(text)![0].length
  const hex = value === 0n ? '' : value.toString(16)
  return Buffer.concat([Buffer.alloc(zeros), Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')])
}

/** undefined where the text is no hex of whole bytes */
export function fromHex(text: string): Uint8Array | undefined {
  const hex = text.replace(/^0x/, '')
  return hex.length % 2 === 0 && /^[0-9a-f]*$/i.test(hex) ? Buffer.from(hex, 'hex') : undefined
}

const bytesOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : Buffer.from(String(value)))

/** Ethereum's, with the padding of the contest, and XXH3 of 64 bits; both give hex. */
const [keccak256, xxh3] = await Promise.all([createKeccak(256), createXXHash3()])

const hashes = ['md5', 'sha224', 'sha256', 'sha384', 'sha512']
const hash = (name: string, value: unknown): Uint8Array => createHash(name).update(bytesOf(value)).digest()

function digest(value: unknown, name: unknown): Uint8Array {
  const known = String(name).toLowerCase()
  if (!hashes.includes(known))
    throw new Error(`there is no hash ${JSON.stringify(name)}: write one of ${hashes.join(', ')}`)
  return hash(known, value)
}

function encode(value: unknown, how: unknown): string {
  const bytes = Buffer.from(bytesOf(value))
  if (how === 'hex') return bytes.toString('hex')
  if (how === 'base64') return bytes.toString('base64').replace(/=+$/, '')
  if (how === 'base64pad') return bytes.toString('base64')
  throw new Error(`there is no encoding ${JSON.stringify(how)}: write hex, base64 or base64pad`)
}

function decode(value: unknown, how: unknown): Uint8Array {
  const text = Buffer.from(bytesOf(value)).toString()
  if (how === 'hex') {
    const bytes = fromHex(text)
    if (bytes !== undefined) return bytes
  } else if (how === 'base64' || how === 'base64pad') {
    if (/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return Buffer.from(text, 'base64')
  } else throw new Error(`there is no encoding ${JSON.stringify(how)}: write hex, base64 or base64pad`)
  throw new Error(`${JSON.stringify(text.slice(0, 40))} is no ${how}`)
}

const keccak: RowFunction = {
  parameters: ['VARCHAR'],
  returns: 'VARCHAR',
  call(text) {
    // Text that begins with 0x is hex of what is hashed
    const bytes = String(text).startsWith('0x') ? fromHex(String(text)) : bytesOf(text)
    return bytes === undefined ? null : `0x${keccak256.init().update(bytes).digest('hex')}`
  },
}
const xxhash: RowFunction = {
  parameters: ['ANY'],
  returns: 'VARCHAR',
  call: value => xxh3.init().update(bytesOf(value)).digest('hex'),
}
const encode58: RowFunction = { parameters: ['BLOB'], returns: 'VARCHAR', call: bytes => toBase58(bytes as Uint8Array) }
const decode58: RowFunction = {
  parameters: ['VARCHAR'],
  returns: 'BLOB',
  nulls: true,
  call: text => (text === null ? new Uint8Array() : fromBase58(String(text))),
}

const table: Readonly<Record<string, RowFunction>> = {
  ...Object.fromEntries(
    hashes
      .slice(1)
      .map(name => [`mr_${name}`, { parameters: ['ANY'], returns: 'BLOB', call: value => hash(name, value) }] as const),
  ),
  digest: { parameters: ['ANY', 'VARCHAR'], returns: 'BLOB', call: digest },
  mr_encode: { parameters: ['ANY', 'VARCHAR'], returns: 'VARCHAR', call: encode },
  mr_decode: { parameters: ['ANY', 'VARCHAR'], returns: 'BLOB', call: decode },
  keccak256: keccak,
  _gs_keccak256: keccak,
  xxhash,
  to_base58: encode58,
  _gs_to_base58: encode58,
  from_base58: decode58,
  _gs_from_base58: decode58,
  _gs_hex_to_byte: {
    parameters: ['VARCHAR'],
    returns: 'BLOB',
    nulls: true,
    call: text => (text === null ? undefined : fromHex(String(text))) ?? new Uint8Array(),
  },
  _gs_byte_to_hex: {
    parameters: ['BLOB'],
    returns: 'VARCHAR',
    call: bytes => Buffer.from(bytes as Uint8Array).toString('hex'),
  },
  reverse_bytes32: { parameters: ['BLOB'], returns: 'BLOB', call: bytes => (bytes as Uint8Array).toReversed() },
  mr_unhex: {
    parameters: ['VARCHAR'],
    returns: 'BLOB',
    call: text => fromHex(String(text).length % 2 ? `0${text}` : String(text)) ?? null,
  },
}

export const byteFunctions = Object.entries(table).map(([name, made]) => rowwise(name, made))

/** As in the model's engine, these give bytes; DuckDB's own give hex. */
export const hashMacros = Object.fromEntries(hashes.slice(1).map(name => [name, `(x) as mr_${name}(x)`]))
