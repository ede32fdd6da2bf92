/**
 * Calls back with each line of a stream of text. Node's readline would not do: for it a line also ends at U+2028 and
 * U+2029, which JSON strings may hold.
 */
export async function eachLine(text: AsyncIterable<string | Uint8Array>, use: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of text) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n')
    rest = lines.pop()!
    for (const line of lines) use(line)
  }
}
