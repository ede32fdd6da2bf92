import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { type Case, caseSchema } from './case.ts'

const folder = join(import.meta.dirname, '../cases')

/** All cases, by file and in the order of each; throws with the file, the case and the key where one is wrong. */
export function loadCases(): Case[] {
  const files = readdirSync(folder)
    .filter(name => name.endsWith('.yaml'))
    .sort()
  const cases = files.flatMap(name => parseCases(basename(name, '.yaml'), readFileSync(join(folder, name), 'utf8')))
  const names = new Set<string>()
  for (const { theme, name } of cases) {
    if (names.has(name)) throw new Error(`${theme}.yaml: two cases are called '${name}'`)
    names.add(name)
  }
  return cases
}

/** One document per case, `---` between them. */
export function parseCases(theme: string, text: string): Case[] {
  return parseAllDocuments(text).map((document, at) => {
    const [broken] = document.errors
    if (broken) throw new Error(`${theme}.yaml: ${broken.message}`)
    const written: unknown = document.toJS()
    const result = caseSchema.safeParse(written)
    if (result.success) return { ...result.data, theme }
    const name = String(Object(written).name ?? `case ${at + 1}`)
    const issues = result.error.issues.map(({ path, message }) => `${path.join('.') || 'case'}: ${message}`)
    throw new Error(`${theme}.yaml: '${name}': ${issues.join('; ')}`)
  })
}
