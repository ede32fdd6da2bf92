import { createHash } from 'node:crypto'

/** Random numbers that a seed repeats; not for secrets. */
export interface Random {
  /** an integer of 0…n−1 */
  below(n: number): number
  /** an integer of from…to, both included */
  between(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(length: number): Buffer
}

/** xorshift32 (Marsaglia, "Xorshift RNGs", 2003). Parts of a seed name what it is for, so that no two uses share a sequence. */
export function createRandom(...seed: (number | string)[]): Random {
  let state = createHash('sha256').update(seed.join('/')).digest().readUInt32LE(0) || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>>= 0)
  }
  const below = (n: number) => next() % n
  return {
    below,
    between: (from, to) => from + below(to - from + 1),
    chance: probability => next() / 2 ** 32 < probability,
    pick: items => items[below(items.length)]!,
    bytes(length) {
      const bytes = Buffer.alloc(length)
      for (let at = 0; at < length; at++) bytes[at] = next()
      return bytes
    },
  }
}
