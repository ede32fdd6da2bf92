/** A value as Postgres writes it, as a query gives it. */
export function cellOf(text: string | null, oid: number): string | number | null {
  if (text === null) return null
  switch (oid) {
    case 20: // int8
    case 21:
    case 23:
    case 26: // oid
      return Number.isSafeInteger(Number(text)) ? Number(text) : text
    case 700:
    case 701: {
      const value = Number(text)
      // JSON has no infinities: SQLite writes them this way
      return Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? value : value > 0 ? '9e999' : '-9e999'
    }
    case 1700:
      return exactNumber(text)
    case 16:
      return text === 't' ? 1 : 0
    case 17:
      return Buffer.from(text.slice(2), 'hex').toString('base64')
    default:
      return text
  }
}

/** A number where a double is that decimal, but for zeros behind the point; else its text. */
function exactNumber(text: string): string | number {
  const plain = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  const value = Number(plain)
  return String(value) === plain && (Number.isSafeInteger(value) || plain.includes('.')) ? value : text
}
