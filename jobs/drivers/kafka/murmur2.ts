/** The partition that Kafka's own clients choose for a key: murmur2, without its sign, modulo the partitions. */
export function partitionOf(key: Uint8Array, start: number, end: number, partitions: number): number {
  return (murmur2(key, start, end) & 0x7fffffff) % partitions
}

const m = 0x5bd1e995

function murmur2(data: Uint8Array, start: number, end: number): number {
  let hash = 0x9747b28c ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) {
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    hash = Math.imul(hash, m) ^ Math.imul(k, m)
  }
  const left = end - at
  if (left >= 3) hash ^= data[at + 2]! << 16
  if (left >= 2) hash ^= data[at + 1]! << 8
  if (left >= 1) hash = Math.imul(hash ^ data[at]!, m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
