/**
 * Whether a float says the same number as a decimal text that it was read from: it prints as that number, or is it
 * exactly. A whole number must be it exactly, since a float that prints so may be a neighbour. NaN and infinities stand
 * for themselves.
 */
export function isSameNumber(text: string, float: number, { isSingle, isWhole }: FloatKind): boolean {
  const number = decimalOf(text)
  if (number === undefined) return true
  const held = isSingle ? Math.fround(float) : float
  if (!Number.isFinite(held)) return false
  if (!isWhole && isEqual(decimalOf(isSingle ? shortest(held) : String(held))!, number)) return true
  return (
    Number.isInteger(held) && number.exponent >= 0 && BigInt(held) === number.digits * 10n ** BigInt(number.exponent)
  )
}

interface FloatKind {
  /** of 32 bits */
  isSingle: boolean
  /** the text is that of a whole number */
  isWhole: boolean
}

/** `digits * 10 ** exponent`, with no zero at the end of the digits. */
interface Decimal {
  digits: bigint
  exponent: number
}

const isEqual = (a: Decimal, b: Decimal): boolean => a.digits === b.digits && a.exponent === b.exponent

function decimalOf(text: string): Decimal | undefined {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text.trim())
  if (match === null) return undefined
  const [, sign, whole = '', part = '', exponent = '0'] = match
  const all = whole + part
  const digits = all.replace(/0+$/, '')
  if (digits === '') return { digits: 0n, exponent: 0 }
  const value = BigInt(digits)
  return {
    digits: sign === '-' ? -value : value,
    exponent: Number(exponent) - part.length + all.length - digits.length,
  }
}

/** The fewest digits that give the same float of 32 bits. */
function shortest(single: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = single.toPrecision(digits)
    if (Math.fround(Number(text)) === single) return text
  }
  return single.toPrecision(9)
}
