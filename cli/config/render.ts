import { Document, isMap, isScalar, type YAMLMap } from 'yaml'
import { keysOf, type Setting } from './layer.ts'
import { tree } from './load.ts'
import { mask } from './mask.ts'

/** The settings as one YAML text that could be the configuration file; with `sources` each says where it came from. */
export function asYaml(settings: readonly Setting[], sources: boolean): string {
  const document = new Document(masked(settings))
  if (sources)
    for (const setting of settings) {
      const { source } = setting
      const node = document.getIn(keysOf(setting), true)
      if (isScalar(node)) node.comment = ` ${source}`
      else commentKey(document.contents as YAMLMap, keysOf(setting), source)
    }
  return document.toString({ lineWidth: 0 })
}

/** The same as one JSON text; with `sources` each value becomes `{"value", "source"}` under its whole path. */
export function asJson(settings: readonly Setting[], sources: boolean): string {
  if (!sources) return JSON.stringify(masked(settings), null, 2)
  const entries = settings.map(setting => {
    const path = keysOf(setting).join('.')
    return [path, { value: mask(path, setting.value), source: setting.source }]
  })
  return JSON.stringify(Object.fromEntries(entries), null, 2)
}

function masked(settings: readonly Setting[]): Record<string, unknown> {
  return tree(settings.map(setting => ({ ...setting, value: mask(keysOf(setting).join('.'), setting.value) })))
}

/** A list has its comment above its key, since its items take the place behind it. */
function commentKey(map: YAMLMap, path: readonly string[], source: string): void {
  const [key, ...rest] = path
  const pair = map.items.find(item => isScalar(item.key) && item.key.value === key)
  if (pair === undefined || !isScalar(pair.key)) return
  if (rest.length === 0) pair.key.commentBefore = ` ${source}`
  else if (isMap(pair.value)) commentKey(pair.value, rest, source)
}
