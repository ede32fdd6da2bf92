import type * as z from 'zod'

/** The words for a value of the wrong form; undefined leaves those that the schema itself has. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return `is missing: expected ${noun(issue.expected)}`
      return `expected ${noun(issue.expected)}, got ${shown(issue.input)}`
    case 'invalid_value':
      if (issue.input === undefined) return `is missing: expected one of ${issue.values.join(', ')}`
      return `expected one of ${issue.values.join(', ')}, got ${shown(issue.input)}`
    case 'invalid_union':
      return ofUnion(issue)
    case 'too_small':
      if (issue.origin === 'string') return 'expected text, got none'
      if (isCounted(issue.origin)) return `expected at least ${issue.minimum}, got ${sizeOf(issue.input)}`
      return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}, got ${shown(issue.input)}`
    case 'too_big':
      if (isCounted(issue.origin)) return `expected at most ${issue.maximum}, got ${sizeOf(issue.input)}`
      return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}, got ${shown(issue.input)}`
    case 'invalid_format':
      return issue.format === 'url' ? `expected a URL such as https://host/path, got ${shown(issue.input)}` : undefined
    default:
      return undefined
  }
}

/**
 * The issues that tell what is wrong: for a value that may have several forms, those within the form that was meant
 * rather than that it has none of them.
 */
export function plainIssues(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap(issue => {
    if (issue.code !== 'invalid_union') return [issue]
    const meant = issue.errors.filter(branch => branch.length > 0 && !branch.some(isOther))
    if (meant.length !== 1) return [issue]
    return plainIssues(meant[0]!).map(inner => ({ ...inner, path: [...issue.path, ...inner.path] }))
  })
}

const isOther = (issue: z.core.$ZodIssue) =>
  issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')

function ofUnion(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): string | undefined {
  const { input } = issue
  if (issue.discriminator !== undefined) {
    const { options } = issue as { options?: readonly unknown[] }
    const value = (input as Record<string, unknown>)[issue.discriminator]
    if (options !== undefined) return `expected one of ${options.join(', ')}, got ${shown(value)}`
  }
  const forms = issue.errors.flatMap(branch => branch.filter(isOther))
  const nouns = forms.flatMap(form => (form.code === 'invalid_type' ? [noun(form.expected)] : []))
  const values = forms.flatMap(form => (form.code === 'invalid_value' ? form.values.map(value => shown(value)) : []))
  const expected = [...new Set([...values, ...nouns])]
  if (expected.length === 0) return undefined
  const wanted = `expected ${expected.join(' or ')}`
  return input === undefined ? `is missing: ${wanted}` : `${wanted}, got ${shown(input)}`
}

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys and values',
  record: 'keys and values',
}

const noun = (expected: string) => nouns[expected] ?? expected

const isCounted = (origin: string) => origin === 'array' || origin === 'object' || origin === 'set' || origin === 'map'

function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : Object.keys(value as object).length
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
