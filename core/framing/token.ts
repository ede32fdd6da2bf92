/**
 * The inside of strings, numbers and literals as one table: `next[(state << 8) | byte]` is the state after `byte`.
 *
 *   string   TEXT ─\─▶ ESCAPE ─u─▶ HEX4 ▶ HEX3 ▶ HEX2 ▶ HEX1 ▶ TEXT     TEXT ─"─▶ END
 *            TEXT ─lead byte─▶ MORE1…3, AFTER_… ─continuation bytes─▶ TEXT
 *   number   MINUS ▶ ZERO | INTEGER ─.─▶ POINT ▶ FRACTION ─e─▶ EXPONENT ▶ SIGN ▶ POWER
 *   literal  TRUE ▶ TRUE + 1 ▶ TRUE + 2 ▶ LITERAL, FALSE and NULL likewise
 *
 * A number is over (ENDED) at the first byte that does not continue it, a literal at the byte after its last.
 * RFC 8259 sections 3, 6 and 7; UTF-8 by RFC 3629 section 4.
 */

/** The byte has no place here. */
export const BAD = 0
/** The byte is the last one of the token. */
export const END = 1
/** The token was over before this byte. */
export const ENDED = 2

export const TEXT = 3
const ESCAPE = 4
const HEX4 = 5
const HEX1 = 8
/** one, two or three continuation bytes are missing */
const MORE1 = 9
const MORE2 = 10
const MORE3 = 11
/** likewise, after a lead byte that narrows the first of them: no overlong form, no surrogate, nothing above U+10FFFF */
const AFTER_E0 = 12
const AFTER_ED = 13
const AFTER_F0 = 14
const AFTER_F4 = 15
const MINUS = 16
const ZERO = 17
const INTEGER = 18
const POINT = 19
const FRACTION = 20
const EXPONENT = 21
const SIGN = 22
const POWER = 23
/** a literal with all its letters */
const LITERAL = 24
/** the first letter was met; the following states stand for one letter more each */
const TRUE = 25
const FALSE = 28
const NULL = 32

/** States from here on are not of tokens. */
export const TOKEN_STATES = 35

export const next = new Uint8Array(TOKEN_STATES << 8)

/** The state after the first byte of a token; BAD where `byte` begins none. */
export const begin = new Uint8Array(256)

/** 1 for the bytes that may not follow a number or literal outside of arrays and objects: `0-9 A-Z a-z + - .` */
export const glued = new Uint8Array(256)

/** True where the token is complete if the input ends here. */
export function isAccepting(state: number): boolean {
  return state === ZERO || state === INTEGER || state === FRACTION || state === POWER || state === LITERAL
}

/** True where `byte`, which has no place in `state`, breaks a UTF-8 sequence or can begin none. */
export function breaksUtf8(state: number, byte: number): boolean {
  return (state >= MORE1 && state <= AFTER_F4) || (state === TEXT && byte >= 0x80)
}

/** Where a byte stands that has no place in `state`, for messages. */
export function describe(state: number): string {
  if (state === TEXT) return 'inside a string'
  if (state === ESCAPE) return 'after "\\" inside a string'
  if (state >= HEX4 && state <= HEX1) return 'where a hex digit of a \\u escape must stand'
  if (state >= MORE1 && state <= AFTER_F4) return 'inside a UTF-8 sequence'
  if (state === EXPONENT) return 'where a digit, "+" or "-" must stand'
  if (state === MINUS || state === POINT || state === SIGN) return 'where a digit must stand'
  if (state === LITERAL) return 'directly after a literal'
  if (isAccepting(state)) return 'directly after a number'
  return `inside ${state < FALSE ? '"true"' : state < NULL ? '"false"' : '"null"'}`
}

function range(state: number, first: number, last: number, then: number): void {
  next.fill(then, (state << 8) | first, ((state << 8) | last) + 1)
}

function each(states: number[], bytes: string, then: number): void {
  for (const state of states) for (const byte of bytes) next[(state << 8) | byte.charCodeAt(0)] = then
}

const digits = '0123456789'

// strings
begin[0x22] = TEXT
range(TEXT, 0x20, 0x7f, TEXT)
each([TEXT], '"', END)
each([TEXT], '\\', ESCAPE)
each([ESCAPE], '"\\/bfnrt', TEXT)
each([ESCAPE], 'u', HEX4)
for (let state = HEX4; state <= HEX1; state++) each([state], `${digits}abcdefABCDEF`, state < HEX1 ? state + 1 : TEXT)
range(TEXT, 0xc2, 0xdf, MORE1)
range(TEXT, 0xe0, 0xef, MORE2)
range(TEXT, 0xe0, 0xe0, AFTER_E0)
range(TEXT, 0xed, 0xed, AFTER_ED)
range(TEXT, 0xf0, 0xf0, AFTER_F0)
range(TEXT, 0xf1, 0xf3, MORE3)
range(TEXT, 0xf4, 0xf4, AFTER_F4)
range(MORE1, 0x80, 0xbf, TEXT)
range(MORE2, 0x80, 0xbf, MORE1)
range(MORE3, 0x80, 0xbf, MORE2)
range(AFTER_E0, 0xa0, 0xbf, MORE1)
range(AFTER_ED, 0x80, 0x9f, MORE1)
range(AFTER_F0, 0x90, 0xbf, MORE2)
range(AFTER_F4, 0x80, 0x8f, MORE2)

// numbers
begin[0x2d] = MINUS
begin[0x30] = ZERO
begin.fill(INTEGER, 0x31, 0x3a)
for (const state of [ZERO, INTEGER, FRACTION, POWER]) range(state, 0, 0xff, ENDED)
each([MINUS], '0', ZERO)
each([MINUS], '123456789', INTEGER)
each([INTEGER], digits, INTEGER)
each([ZERO, INTEGER], '.', POINT)
each([POINT, FRACTION], digits, FRACTION)
each([ZERO, INTEGER, FRACTION], 'eE', EXPONENT)
each([EXPONENT], '+-', SIGN)
each([EXPONENT, SIGN, POWER], digits, POWER)

// literals
range(LITERAL, 0, 0xff, ENDED)
const literals: [string, number][] = [
  ['true', TRUE],
  ['false', FALSE],
  ['null', NULL],
]
for (const [word, first] of literals) {
  begin[word.charCodeAt(0)] = first
  for (let k = 1; k < word.length; k++) {
    each([first + k - 1], word.charAt(k), k < word.length - 1 ? first + k : LITERAL)
  }
}

for (const byte of `${digits}+-.`) glued[byte.charCodeAt(0)] = 1
glued.fill(1, 0x41, 0x5b)
glued.fill(1, 0x61, 0x7b)
