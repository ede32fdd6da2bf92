import * as z from 'zod'
import { nearestName } from '../../../core/nearest.ts'
import { plainIssues, wording } from '../../../core/wording.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import { toPipelineError } from '../../runtime/errors.ts'
import type { Problem } from '../problem.ts'
import type { Place } from '../topology.ts'
import { parseTree } from '../tree.ts'

const columnType = z.string().superRefine((name, issues) => {
  try {
    typeOf(name)
  } catch (error) {
    issues.addIssue({ code: 'custom', message: toPipelineError(error).message })
  }
})

const row = z.record(z.string(), z.json())
const rows = z.array(row)

const unitTest = z
  .strictObject({
    name: z.string().min(1).describe('what is tested, as a sentence'),
    given: z
      .record(z.string(), z.array(z.union([row, z.string()])))
      .default({})
      .describe('node → rows that it hands on (then it does not run); dynamic table → values in it'),
    expect: z.record(z.string(), rows).default({}).describe('node → rows that it hands on; sink → rows that reach it'),
    dead: z.record(z.string(), rows).default({}).describe('node → rows that it makes dead letters of'),
    unordered: z.boolean().default(false).describe('rows may come in any order'),
  })
  .refine(({ expect, dead }) => Object.keys(expect).length + Object.keys(dead).length > 0, {
    message: 'a test expects something: add expect',
  })

const testFile = z.strictObject({
  pipeline: z.string().min(1).describe('pipeline file, seen from the folder of this one'),
  schema: z
    .record(z.string(), z.record(z.string(), columnType))
    .default({})
    .describe('node → column → type, such as int64 or timestamp; default: as the given rows look'),
  tests: z.array(unitTest).min(1),
})

export type UnitFile = z.infer<typeof testFile>
export type UnitTest = UnitFile['tests'][number]

export interface ReadUnitFile {
  /** undefined where problems say why not */
  unit: UnitFile | undefined
  problems: Problem[]
  /** of the key `pipeline` */
  place: Place
}

export function readUnitFile(text: string, file: string): ReadUnitFile {
  const problems: Problem[] = []
  const tree = parseTree(text, (place, path, message) => {
    problems.push({ file, ...place, path: path.join('.'), message, severity: 'error' })
  })
  if (tree === undefined) return { unit: undefined, problems, place: { line: 1, column: 1 } }
  const result = testFile.safeParse(tree.value, { error: wording })
  const known = [...Object.keys(testFile.shape), ...Object.keys(unitTest.shape)]
  for (const issue of plainIssues(result.error?.issues ?? [])) {
    const path = issue.path.join('.')
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const guess = nearestName(key, known)
        const message = `unknown key '${key}'${guess === undefined ? '' : `, did you mean '${guess}'?`}`
        problems.push({ file, ...tree.placeOfKey([...issue.path, key]), path, message, severity: 'error' })
      }
    } else {
      const message = path === '' ? issue.message : `${path}: ${issue.message}`
      problems.push({ file, ...tree.placeOf(issue.path), path, message, severity: 'error' })
    }
  }
  return { unit: problems.length === 0 ? result.data : undefined, problems, place: tree.placeOf(['pipeline']) }
}
