const pool = new Uint8Array(4096)
let used = pool.length
const hex = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/**
 * A UUID version 7 (RFC 9562 section 5.7): time first, so that keys made one after another lie side by side in an
 * index. 74 random bits.
 */
export function uuid7(now: number = Date.now()): string {
  if (used + 10 > pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  const r = used
  used += 10
  const time = now.toString(16).padStart(12, '0')
  const b = (i: number) => hex[pool[r + i]!]!
  const version = hex[0x70 | (pool[r]! & 0x0f)]!
  const variant = hex[0x80 | (pool[r + 2]! & 0x3f)]!
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${b(1)}-${variant}${b(3)}-${b(4)}${b(5)}${b(6)}${b(7)}${b(8)}${b(9)}`
}
