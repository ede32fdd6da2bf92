/**
 * Postgres' text holds no NUL. It is kept as U+FFFF and `0`, and a U+FFFF, which Unicode gives to nobody, as two of them:
 * what is read back is what was sent.
 */
const mark = '\uffff'

export const hasNul = (text: string): boolean => text.includes('\0') || text.includes(mark)

export function escapeNul(text: string): string {
  return hasNul(text) ? text.replace(/[\0\uffff]/g, char => (char === '\0' ? `${mark}0` : mark + mark)) : text
}

export function unescapeNul(text: string): string {
  return text.includes(mark) ? text.replace(/\uffff(0|\uffff)/g, (_, c) => (c === '0' ? '\0' : mark)) : text
}

/** True where UTF-8 holds a NUL or a U+FFFF (EF BF BF), so that it is to be escaped. */
export function mayHoldNul(bytes: Buffer): boolean {
  return bytes.includes(0) || bytes.includes('\uffff', 0, 'utf8')
}
