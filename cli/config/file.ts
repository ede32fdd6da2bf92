import { readFileSync } from 'node:fs'
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import { UsageError } from '../exit.ts'
import type { Field } from './fields.ts'
import type { Layer, Setting } from './layer.ts'

/** Reads a YAML file into settings with their line and column. A key without a value counts as not set. */
export function readConfigFile(file: string, fields: ReadonlyMap<string, Field>): Layer {
  const lines = new LineCounter()
  const document = parseDocument(readText(file), { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  if (document.errors.length > 0)
    throw new UsageError(...document.errors.map(error => `${at(error.pos[0])}: ${error.message}`))

  const settings: Setting[] = []
  const visit = (node: unknown, path: string, offset: number) => {
    const value = isNode(node) ? resolve(node, document) : null
    const here = at(isNode(node) && node.range ? node.range[0] : offset)
    const isSection = path === '' || fields.get(path)?.kind === 'section'
    if (isSection && isMap(value)) {
      for (const { key, value: child } of value.items) {
        const name = isScalar(key) ? String(key.value) : String(key)
        const childPath = path === '' ? name : `${path}.${name}`
        const keyOffset = isNode(key) && key.range ? key.range[0] : offset
        // an unknown key is shown where it is written, a known one where its value is
        if (fields.has(childPath)) visit(child, childPath, keyOffset)
        else settings.push({ path: childPath, value: undefined, source: at(keyOffset) })
      }
    } else if (fields.get(path)?.kind === 'record' && isMap(value)) {
      visitRecord(value, path, [], fields.get(path)!.levels)
    } else if (value !== null && !(isScalar(value) && value.value === null)) {
      if (path === '') throw new UsageError(`${here}: expected keys and values, such as store: sqlite:./millrace.db`)
      settings.push({ path, value: value.toJS(document), source: here })
    }
  }
  const visitRecord = (map: YAMLMap, path: string, above: readonly string[], levels: number) => {
    for (const { key, value: child } of map.items) {
      const free = [...above, isScalar(key) ? String(key.value) : String(key)]
      const value = isNode(child) ? resolve(child, document) : null
      if (levels > 1 && isMap(value)) visitRecord(value, path, free, levels - 1)
      else if (value !== null && !(isScalar(value) && value.value === null))
        settings.push({ path, free, value: value.toJS(document), source: at(value.range?.[0] ?? 0) })
    }
  }
  visit(document.contents, '', 0)
  return { settings, spell: path => path }
}

function resolve(node: Node, document: Document): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UsageError(`configuration file ${file} does not exist`)
    throw new Error(`configuration file ${file}`, { cause: error })
  }
}
