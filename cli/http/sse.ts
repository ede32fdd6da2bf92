/** One message of an event stream. */
export interface Message {
  /** `message` where the stream names none */
  event: string
  /** undefined where only the id went on: what was before it need not be asked for again */
  data: string | undefined
  /** the last id that was sent, with this message or before; undefined until there was one */
  id: string | undefined
}

/** Reads server-sent events (HTML standard, section 9.2.6) from bytes that may be cut anywhere. */
export async function* readMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Message> {
  let event = ''
  let id: string | undefined
  let hasNewId = false
  let data: string[] = []
  for await (const line of linesOf(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id }
      else if (hasNewId) yield { event: 'message', data: undefined, id }
      event = ''
      hasNewId = false
      data = []
      continue
    }
    const [name, value] = field(line)
    if (name === 'data') data.push(value)
    else if (name === 'event') event = value
    else if (name === 'id') {
      id = value
      hasNewId = true
    }
  }
}

/** `name: value`; a line that begins with a colon is a comment and has an empty name. */
function field(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  if (colon === -1) return [line, '']
  return [line.slice(0, colon), line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)]
}

/** Lines end with LF, CR LF or CR; a last line without an end is no line. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const text = rest + decoder.decode(chunk, { stream: true })
    // a CR at the end may be the first half of CR LF
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text
    const lines = whole.split(/\r\n|\n|\r/)
    rest = lines.pop()! + text.slice(whole.length)
    yield* lines
  }
}
