import { parseExact } from '../../runtime/batch/exact.ts'

/**
 * The columns of the primary key from the key of a message: a JSON object has them by name, other text has their
 * values in order, with a colon between, as the kafka sink (and the model's) writes them. A value of several has a
 * backslash before its own colons and backslashes; before anything else a backslash is one. `isText` tells whether
 * its writer says that the key is no object: it is asked for what looks like one.
 */
export function keyParser(
  primaryKey: readonly string[],
): (key: Uint8Array | undefined, isText?: () => boolean) => ReadonlyMap<string, unknown> {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const refuse = (why: string) => new Error(`it has no value, which deletes the row of its key, and ${why}`)
  return (key, isText = () => false) => {
    if (primaryKey.length === 0) throw refuse('there is no primary_key: set one')
    if (key === undefined) throw refuse('its key is null')
    let text: string
    try {
      text = utf8.decode(key)
    } catch {
      throw refuse('its key is no text')
    }
    const object = objectOf(text)
    if (object !== undefined && !isText()) {
      const missing = primaryKey.find(name => !Object.hasOwn(object, name) || object[name] === null)
      if (missing !== undefined) throw refuse(`its key has no ${JSON.stringify(missing)}: ${text.slice(0, 80)}`)
      return new Map(primaryKey.map(name => [name, object[name]]))
    }
    const parts = primaryKey.length === 1 ? [text] : partsOf(text)
    if (parts.length !== primaryKey.length)
      throw refuse(`its key ${JSON.stringify(text.slice(0, 80))} has ${parts.length} parts, not ${primaryKey.length}`)
    return new Map(primaryKey.map((name, at) => [name, parts[at]]))
  }
}

function partsOf(text: string): string[] {
  const parts: string[] = []
  let part = ''
  for (let at = 0; at < text.length; at++) {
    const next = text[at + 1]
    if (text[at] === '\\' && (next === ':' || next === '\\')) {
      part += next
      at++
    } else if (text[at] === ':') {
      parts.push(part)
      part = ''
    } else part += text[at]
  }
  return [...parts, part]
}

function objectOf(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return parseExact(text, true) as Record<string, unknown>
  } catch {
    return undefined
  }
}
