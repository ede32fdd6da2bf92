import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
} from 'yaml'
import type { Json } from '../runtime/contract.ts'
import type { Place } from './topology.ts'

/** A YAML value as plain JSON, and the place of each key in it. */
export interface Tree {
  value: Json
  /** of the value at `path`, or of the last part of the path that is there */
  placeOf(path: readonly PropertyKey[]): Place
  /** of the key itself */
  placeOfKey(path: readonly PropertyKey[]): Place
}

/** Levels of maps and lists, values after aliases are followed: far above any pipeline, far below what hurts. */
const limits = { depth: 64, values: 100_000, characters: 4 * 2 ** 20, mistakes: 20 }

export type Report = (place: Place, path: readonly PropertyKey[], message: string) => void

interface Spot {
  place: Place
  keyPlace: Place
  children?: Map<string, Spot>
}

/** Reads a text of one YAML document, which may be JSON; undefined where there is nothing to be read. */
export function parseTree(text: string, report: Report): Tree | undefined {
  const start = { line: 1, column: 1 }
  if (text.length > limits.characters) {
    report(start, [], `${text.length} characters: a file has at most ${limits.characters}`)
    return undefined
  }
  const lines = new LineCounter()
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  try {
    const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' })
    const [document, second] = documents
    if (document === undefined || !('contents' in document)) {
      report(start, [], 'the file is empty')
      return undefined
    }
    if (second !== undefined) report(at(second.range[0]), [], 'a second document (---): a file has one')
    const mistakes = [...document.errors, ...document.warnings]
    // the parser gives its own end as a mistake of the text
    if (mistakes.some(({ message }) => /call stack/i.test(message))) throw new RangeError()
    for (const { pos, message, code } of mistakes.slice(0, limits.mistakes))
      report(at(pos[0]), [], code === 'DUPLICATE_KEY' ? 'this key is here twice' : message.replace(/\s*\n\s*/g, ' '))
    // what YAML made of a broken text would only mislead
    if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return undefined
    return readTree(document, at, report)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    report(start, [], 'nested too deeply to be read')
    return undefined
  }
}

/** Reports what no file of ours can have: keys that are no text, numbers that would be rounded, aliases without end. */
function readTree(document: Document, placeAt: (offset: number) => Place, report: Report): Tree {
  let values = 0

  const visit = (node: Node | null, path: readonly string[], offset: number): [Json, Spot] => {
    const place = placeAt(node?.range?.[0] ?? offset)
    const spot: Spot = { place, keyPlace: placeAt(offset) }
    // one line for a bomb, however often it explodes
    if (values > limits.values) return [null, spot]
    if (++values > limits.values) {
      report(place, path, `more than ${limits.values} values: aliases (*name) multiply what they stand for`)
      return [null, spot]
    }
    if (path.length > limits.depth) {
      report(place, path, `nested deeper than ${limits.depth} levels`)
      return [null, spot]
    }
    const target = isAlias(node) ? node.resolve(document) : node
    if (isAlias(node) && target === undefined)
      report(place, path, `*${node.source} stands for nothing: &${node.source} is not above it`)
    if (isMap(target)) return readMap(target.items as Pair<Node, Node | null>[], path, spot)
    if (isSeq(target)) {
      const list = target.items.map((item, index) => {
        const [value, child] = visit(
          item as Node | null,
          [...path, String(index)],
          offsetOf(item as Node | null, offset),
        )
        spot.children = (spot.children ?? new Map()).set(String(index), child)
        return value
      })
      return [list, spot]
    }
    return [isScalar(target) ? scalar(target.value, target.source, place, path) : null, spot]
  }

  const readMap = (pairs: readonly Pair<Node, Node | null>[], path: readonly string[], spot: Spot): [Json, Spot] => {
    const map: Record<string, Json> = {}
    spot.children = new Map()
    for (const { key, value } of pairs) {
      const offset = offsetOf(key, 0)
      const name = isAlias(key) ? undefined : isScalar(key) ? keyText(key.value, key.source) : undefined
      if (name === undefined) {
        report(placeAt(offset), path, 'a key must be text')
        continue
      }
      const [json, child] = visit(value, [...path, name], offset)
      child.keyPlace = placeAt(offset)
      spot.children.set(name, child)
      // `__proto__` is a key like any other
      Object.defineProperty(map, name, { value: json, enumerable: true, writable: true, configurable: true })
    }
    return [map, spot]
  }

  const scalar = (value: unknown, source: string | undefined, place: Place, path: readonly string[]): Json => {
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) report(place, path, `${source ?? value} is no number that JSON has`)
      else if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(source ?? ''))
        report(place, path, `${source} would be rounded: put it in quotes`)
      return value
    }
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
    report(place, path, `expected text, a number, true, false or null, got ${String(source)}`)
    return null
  }

  const [value, root] = visit(document.contents as Node | null, [], 0)
  const find = (path: readonly PropertyKey[]): Spot => {
    let spot = root
    for (const key of path) spot = spot.children?.get(String(key)) ?? spot
    return spot
  }
  return { value, placeOf: path => find(path).place, placeOfKey: path => find(path).keyPlace }
}

/** `1:` and `true:` are names, too, as they are written. */
function keyText(value: unknown, source: string | undefined): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? (source ?? String(value)) : undefined
}

function offsetOf(node: Node | null | undefined, otherwise: number): number {
  return node?.range?.[0] ?? otherwise
}
