/** `","` for a printable ASCII byte, `0x0A` for any other. */
function show(byte: number): string {
  if (byte > 0x20 && byte < 0x7f) return byte === 0x22 ? `'"'` : `"${String.fromCharCode(byte)}"`
  return `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

/** `where` is a phrase such as `where a value must begin`. */
export function unexpected(byte: number, where: string): string {
  return `unexpected ${show(byte)} ${where}`
}

export function invalidUtf8(byte: number, where: string): string {
  return `invalid UTF-8: ${unexpected(byte, where)}`
}

export function tooDeep(maxDepth: number): string {
  return `the value nests deeper than ${maxDepth} levels`
}

export function tooLarge(maxEventBytes: number): string {
  return `the value passes ${maxEventBytes} bytes`
}

/** `line` and `byte` count from 1 at the start of the body. */
export function at(line: number, byte: number): string {
  return `(line ${line}, byte ${byte})`
}
