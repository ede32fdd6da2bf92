/** A run of whole values of one input, with the text between them, as it is sent. */
export interface Batch {
  /** position in the stream of the first value */
  offset: number
  body: Uint8Array<ArrayBuffer>
  /** where each value ends in `body` */
  ends: Uint32Array
  /** indexes of the values that are not JSON, in order; with `dead_letter` they are sent all the same */
  dead: readonly number[]
  /** the input, and the line on which `body` begins, from 1 */
  file: string
  line: number
}

/** The line on which a value of the batch begins. */
export function lineOf({ body, ends, line }: Batch, index: number): number {
  let start = index === 0 ? 0 : ends[index - 1]!
  while (body[start] === 10 || body[start] === 13 || body[start] === 32 || body[start] === 9) start++
  return line + countLines(body, 0, start)
}

/** Line feeds in `bytes[from, to)`. */
export function countLines(bytes: Uint8Array, from: number, to: number): number {
  let lines = 0
  for (let at = bytes.indexOf(10, from); at !== -1 && at < to; at = bytes.indexOf(10, at + 1)) lines++
  return lines
}

/** Where and why a value is bad. A message may end with its place in the request, which is not its place in the file. */
export function badValue(file: string, line: number, message: string, code: string): string {
  return `${file}:${line}: ${message.replace(/ \(line \d+, byte \d+\)$/, '')} (${code})`
}
