import * as z from 'zod'
import { nearestName } from '../../core/nearest.ts'
import { plainIssues, wording } from '../../core/wording.ts'
import type { Json } from '../runtime/contract.ts'
import { type AnyDefinition, absent, type Kinds } from './kinds.ts'
import { labelProblems } from './labels.ts'
import { type RawNode, type Section, sections } from './parse.ts'
import { type Problem, problemOf } from './problem.ts'
import type { EventTime } from './topology.ts'

/** A node whose keys fit its type. */
export type ConfiguredNode = AnyDefinition & {
  raw: RawNode
  config: unknown
  primaryKey: readonly string[]
  labels: Readonly<Record<string, string>>
  eventTime: EventTime | undefined
  plugin: boolean
}

/** Keys that a node may have, as far as this part looks at them. */
interface CommonKeys {
  primary_key?: readonly string[]
  telemetry?: { labels?: Readonly<Record<string, string>>; event_time?: EventTime }
}

export async function configure(
  raw: RawNode,
  kinds: Kinds,
  file: string,
): Promise<{ node: ConfiguredNode | undefined; problems: Problem[] }> {
  const problems: Problem[] = []
  const report = (path: readonly PropertyKey[], message: string, ofKey = false) => {
    const place = ofKey ? raw.placeOfKey(path) : raw.placeOf(path)
    problems.push({ file, ...place, path: raw.pathOf(path), message, severity: 'error' })
  }
  // the parser has told
  if (raw.type === '') return { node: undefined, problems }
  const kind = kinds[raw.section].get(raw.type)
  if (kind === undefined) {
    report(['type'], unknownType(raw, kinds))
    return { node: undefined, problems }
  }
  let found: AnyDefinition
  try {
    found = await kind.load()
  } catch (error) {
    return { node: undefined, problems: [problemOf(error, raw, file)] }
  }
  const result = found.definition.config.safeParse(raw.keys, { error: wording })
  for (const issue of plainIssues(result.error?.issues ?? [])) {
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(found.definition.config, issue.path)
      for (const key of issue.keys) report([...issue.path, key], unknownKey(key, known, raw.type), true)
    } else {
      report(issue.path, [issue.path.map(String).join('.'), issue.message].filter(part => part !== '').join(': '))
    }
  }
  if (!result.success) return { node: undefined, problems }

  const { primary_key = [], telemetry } = (result.data ?? {}) as CommonKeys
  const labels = telemetry?.labels ?? {}
  for (const { key, message } of labelProblems(raw.type, labels))
    report(['telemetry', 'labels', ...(key === undefined ? [] : [key])], message, true)
  const eventTime = telemetry?.event_time
  const node = { ...found, raw, config: result.data, primaryKey: primary_key, labels, eventTime, plugin: kind.plugin }
  return { node, problems }
}

const singular: Readonly<Record<Section, string>> = { sources: 'source', transforms: 'transform', sinks: 'sink' }

function unknownType({ section, type }: RawNode, kinds: Kinds): string {
  const what = `${singular[section]} type '${type}'`
  const reason = Object.hasOwn(absent[section], type) ? absent[section][type] : undefined
  if (reason !== undefined) return `${what} ${reason}`
  const known = [...kinds[section].keys()]
  const elsewhere = sections.find(other => other !== section && kinds[other].has(type))
  if (elsewhere !== undefined) return `${what}: '${type}' belongs under ${elsewhere}`
  const guess = nearestName(type, known)
  if (guess !== undefined) return `unknown ${what}, did you mean '${guess}'?`
  return `unknown ${what}: there are ${known.sort().join(', ')}, and what plugin.path names`
}

function unknownKey(key: string, known: readonly string[], type: string): string {
  const guess = nearestName(key, known)
  if (guess !== undefined) return `unknown key '${key}', did you mean '${guess}'?`
  return known.length === 0 ? `unknown key '${key}'` : `unknown key '${key}': '${type}' has ${known.join(', ')} here`
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
}

/** The keys that a schema knows at a path, of all the forms that the value there may have. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema]
  const forms = (list: JsonSchema[]): JsonSchema[] =>
    list.flatMap(form => [form, ...forms([...(form.anyOf ?? []), ...(form.oneOf ?? [])])])
  for (const key of path)
    at = forms(at).flatMap(({ properties, additionalProperties: rest, items }) =>
      [properties?.[String(key)], typeof rest === 'object' ? rest : undefined, items].filter(
        form => form !== undefined,
      ),
    )
  return [...new Set(forms(at).flatMap(({ properties }) => Object.keys(properties ?? {})))]
}

/** The nodes that one with broken keys seems to read, so that these do not seem to be without a reader. */
export function seemsToRead(raw: RawNode): readonly string[] | undefined {
  const from: Json | undefined = raw.keys.from
  return typeof from === 'string' ? [from] : undefined
}
