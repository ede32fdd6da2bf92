/**
 * Keccak-256 as Ethereum has it: the padding of the contest (first byte 0x01), not SHA-3's (0x06). The permutation is
 * Keccak-f[1600] of FIPS 202, on lanes of two 32-bit halves.
 */
const RATE = 136

/** Rotations and the order of lanes for the steps rho and pi, and the constants of the step iota, from their definitions. */
const { rotations, order, constants } = tables()

function tables() {
  const rotations: number[] = []
  const order: number[] = []
  for (let x = 1, y = 0, t = 0; t < 24; t++) {
    rotations.push((((t + 1) * (t + 2)) / 2) % 64)
    ;[x, y] = [y, (2 * x + 3 * y) % 5]
    order.push(x + 5 * y)
  }
  const constants = new Uint32Array(48)
  for (let round = 0, lfsr = 1; round < 24; round++)
    for (let bit = 0; bit < 7; bit++) {
      const position = (1 << bit) - 1
      if (lfsr & 1) constants[round * 2 + (position >> 5)]! ^= 1 << (position & 31)
      lfsr = lfsr & 0x80 ? (lfsr << 1) ^ 0x171 : lfsr << 1
    }
  return { rotations, order, constants }
}

const parity = new Uint32Array(10)
const row = new Uint32Array(10)

/** 25 lanes as low and high halves in turn. */
function permute(state: Uint32Array): void {
  for (let round = 0; round < 24; round++) {
    for (let x = 0; x < 10; x++)
      parity[x] = state[x]! ^ state[x + 10]! ^ state[x + 20]! ^ state[x + 30]! ^ state[x + 40]!
    for (let x = 0; x < 5; x++) {
      const before = ((x + 4) % 5) * 2
      const after = ((x + 1) % 5) * 2
      const low = parity[before]! ^ ((parity[after]! << 1) | (parity[after + 1]! >>> 31))
      const high = parity[before + 1]! ^ ((parity[after + 1]! << 1) | (parity[after]! >>> 31))
      for (let y = 0; y < 50; y += 10) {
        state[x * 2 + y]! ^= low
        state[x * 2 + y + 1]! ^= high
      }
    }
    let low = state[2]!
    let high = state[3]!
    for (let step = 0; step < 24; step++) {
      const lane = order[step]! * 2
      const bits = rotations[step]!
      const keptLow = state[lane]!
      const keptHigh = state[lane + 1]!
      const first = bits >= 32 ? high : low
      const second = bits >= 32 ? low : high
      const shift = bits & 31
      state[lane] = shift === 0 ? first : (first << shift) | (second >>> (32 - shift))
      state[lane + 1] = shift === 0 ? second : (second << shift) | (first >>> (32 - shift))
      low = keptLow
      high = keptHigh
    }
    for (let y = 0; y < 50; y += 10) {
      for (let x = 0; x < 10; x++) row[x] = state[y + x]!
      for (let x = 0; x < 10; x++) state[y + x]! ^= ~row[(x + 2) % 10]! & row[(x + 4) % 10]!
    }
    state[0]! ^= constants[round * 2]!
    state[1]! ^= constants[round * 2 + 1]!
  }
}

/** 32 bytes. `first` is the first byte of the padding. */
export function keccak256(bytes: Uint8Array, first = 0x01): Uint8Array {
  const padded = new Uint8Array((Math.floor(bytes.length / RATE) + 1) * RATE)
  padded.set(bytes)
  padded[bytes.length]! ^= first
  padded[padded.length - 1]! ^= 0x80
  const words = new Uint32Array(padded.buffer)
  const state = new Uint32Array(50)
  for (let block = 0; block < words.length; block += RATE / 4) {
    for (let word = 0; word < RATE / 4; word++) state[word]! ^= words[block + word]!
    permute(state)
  }
  return new Uint8Array(state.buffer, 0, 32)
}
