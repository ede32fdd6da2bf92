/** Log events as services write them: JSON objects of one length, every one different. */

/** bytes of one event; 150 with its line feed */
export const eventBytes = 149

/** Where the number that makes an event unique stands in its text: block in the first digits, line in the last three. */
export const sequence = { at: '{"seq":'.length, digits: 12, lineDigits: 3 } as const
const blockDigits = sequence.digits - sequence.lineDigits

/** lines that one block may have */
export const maxLines = 10 ** sequence.lineDigits
/** blocks that one benchmark may send */
export const maxBlocks = 9 * 10 ** (blockDigits - 1)

const levels = ['debug', 'info', 'info', 'info', 'warn', 'error']
const services = ['checkout', 'search', 'cart', 'billing', 'auth', 'mail']
const paths = ['/api/orders', '/api/items', '/api/users', '/health', '/api/cart/lines']

/** Small and seeded (mulberry32), so that both sides of a comparison send the same bytes. */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One event of exactly `eventBytes` ASCII characters, with the sequence number of block 0. */
export function eventText(line: number, random: () => number): string {
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)]!
  const head =
    `{"seq":1${String(line).padStart(sequence.digits - 1, '0')},"level":"${pick(levels)}",` +
    `"service":"${pick(services)}","path":"${pick(paths)}/${Math.floor(random() * 1e5)}",` +
    `"ms":${(random() * 900).toFixed(2)},"trace":"`
  let trace = ''
  while (head.length + trace.length + 2 < eventBytes) trace += Math.floor(random() * 16).toString(16)
  return `${head}${trace}"}`
}

/** `lines` events, each followed by a line feed. */
export function eventLines(lines: number, seed: number): Buffer {
  if (lines > maxLines) throw new Error(`a block has at most ${maxLines} lines, not ${lines}`)
  const random = seeded(seed)
  return Buffer.from(Array.from({ length: lines }, (_, line) => `${eventText(line, random)}\n`).join(''), 'latin1')
}

/** The digits that `stamp` writes for block `block`, from 0; the first one is never 0, as JSON asks. */
export function blockDigitsOf(block: number): Buffer {
  if (block >= maxBlocks) throw new Error(`a benchmark sends at most ${maxBlocks} blocks`)
  return Buffer.from(String(10 ** (blockDigits - 1) + block), 'latin1')
}

/** Makes the events of a block new: rewrites the block number in each, `stride` bytes apart from `at` on. */
export function stamp(bytes: Buffer, at: number, stride: number, lines: number, digits: Buffer): void {
  for (let line = 0, to = at + sequence.at; line < lines; line++, to += stride) {
    for (let i = 0; i < blockDigits; i++) bytes[to + i] = digits[i]!
  }
}
