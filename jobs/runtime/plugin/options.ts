import * as z from 'zod'
import { plainIssues, wording } from '../../../core/wording.ts'
import type { EnvironmentOption } from './environment.ts'

/** What a node of a plugin has in the pipeline file: the keys of all nodes, and the plugin's own under `options`. */
export type NodeConfig<C> = { options: C } & { [key: string]: unknown }

type Fields = Readonly<Record<string, z.ZodType>>

/** The keys that a schema of an object names, by zod of whatever copy. */
export function fieldsOf(schema: z.ZodType): Fields {
  return (schema as { shape?: Fields }).shape ?? {}
}

/**
 * The schema of a node: keys that all nodes have (`common`), and the plugin's options, which may stand under `options:`
 * or beside the others. What the environment gives goes before both. Options of the common names reach the plugin only
 * where its own schema has them.
 */
export function nodeSchema<C>(
  own: z.ZodType<C>,
  common: Readonly<Record<string, z.ZodType>>,
  environment: () => readonly EnvironmentOption[],
): z.ZodType<NodeConfig<C>> {
  const fields = fieldsOf(own)
  // values are for the plugin's schema to judge; here the keys are described, for editors and for suggestions
  const described = Object.fromEntries(
    Object.entries(fields).map(([key, { description = '' }]) => [key, z.unknown().optional().describe(description)]),
  )
  const hasOptions = Object.hasOwn(fields, 'options')
  const isCommon = (key: string) => Object.hasOwn(common, key)
  const nested = {
    options: z.looseObject(described).optional().describe('options of the plugin, or beside the other keys'),
  }
  const form = z.looseObject({ ...described, ...(!hasOptions && nested), ...common })

  return form.transform((node: Record<string, unknown>, issues): NodeConfig<C> => {
    const under = hasOptions ? undefined : (node.options as Record<string, unknown> | undefined)
    const inside = new Map(Object.entries(under ?? {}))
    const beside = new Map(
      Object.entries(node)
        .filter(([key]) => (isCommon(key) ? Object.hasOwn(fields, key) : key !== 'options' || hasOptions))
        .map(([key, value]) => [key, isCommon(key) ? asWritten(key, value) : value]),
    )
    const outside = new Map(environment().map(option => [option.key, option]))
    for (const key of inside.keys())
      if (beside.has(key) && !isCommon(key))
        issues.addIssue({ code: 'custom', message: `is given twice: also as ${key}`, path: ['options', key] })

    const fromOutside = [...outside.values()].map(({ key, value }) => [key, value] as const)
    const values = Object.fromEntries([...beside, ...inside, ...fromOutside])
    const result = own.safeParse(values, { error: wording })
    if (result.success) {
      const shared = Object.fromEntries(Object.entries(node).filter(([key]) => isCommon(key)))
      return { ...shared, options: result.data }
    }
    const isInside = (key: string) => inside.has(key) || (under !== undefined && !beside.has(key))
    for (const issue of plainIssues(result.error.issues)) {
      const [first, ...deeper] = issue.path
      if (issue.code === 'unrecognized_keys' && first === undefined) {
        const { code, message } = issue
        for (const key of issue.keys)
          issues.addIssue({ code, keys: [key], path: isInside(key) ? ['options'] : [], message, input: node })
        continue
      }
      const variable = outside.get(String(first))?.variable
      const message = variable === undefined ? issue.message : `${issue.message} (from ${variable})`
      const path = first === undefined ? [] : [...(isInside(String(first)) ? ['options'] : []), first, ...deeper]
      issues.addIssue({ code: 'custom', message, path })
    }
    return z.NEVER
  }) as unknown as z.ZodType<NodeConfig<C>>
}

/** A duration was parsed to milliseconds by now, and a plain number would be read as seconds again. */
function asWritten(key: string, value: unknown): unknown {
  return key === 'batch_flush_interval' && typeof value === 'number' ? `${value}ms` : value
}
