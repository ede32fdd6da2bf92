import { dirname, resolve } from 'node:path'
import type { JobKind } from '../../core/jobs.ts'
import { nearestName } from '../../core/nearest.ts'
import { plainIssues, wording } from '../../core/wording.ts'
import type { Json } from '../runtime/contract.ts'
import { type Problem, sortProblems } from '../topology/problem.ts'
import { parseTree, type Report, type Tree } from '../topology/tree.ts'
import { type JobConfig, jobKeys, keysAt, kindNames } from './config.ts'
import { isTimeZone, parseSchedule, type Schedule } from './cron.ts'

export interface Job extends JobConfig {
  name: string
  kind: JobKind
  /** `schedule` and `time_zone`, understood */
  times: Schedule
}

const isName = (name: string) => /^[^\p{Cc}/]{1,200}$/u.test(name)

/** Reads a jobs file: all that is wrong with it, each with its place, or the jobs in their order. */
export function parseJobs(text: string, file: string): { jobs: Job[]; problems: Problem[] } {
  const problems: Problem[] = []
  const report: Report = (place, path, message) => {
    problems.push({ file, ...place, path: path.map(String).join('.'), message, severity: 'error' })
  }
  const tree = parseTree(text, report)
  const jobs = tree === undefined ? [] : readJobs(tree, file, report)
  if (tree !== undefined) checkExporters(tree, jobs, report)
  return { jobs: problems.length > 0 ? [] : jobs, problems: sortProblems(problems) }
}

/** `exported_by` names a job with a pipeline, also where other keys of either are wrong. */
function checkExporters(tree: Tree, jobs: readonly Job[], report: Report): void {
  const written = asMap(asMap(tree.value)?.jobs) ?? {}
  const candidates = Object.keys(written).filter(name => asMap(written[name])?.pipeline !== undefined)
  for (const [name, job] of Object.entries(written)) {
    const named = asMap(asMap(job)?.retention)?.exported_by
    for (const [at, exporter] of (Array.isArray(named) ? named : [named]).entries()) {
      if (typeof exporter !== 'string' || exporter === '' || isFile(exporter)) continue
      const found = jobs.find(other => other.name === exporter)
      if (found === undefined ? Object.hasOwn(written, exporter) : found.kind === 'pipeline') continue
      const path = ['jobs', name, 'retention', 'exported_by']
      const guess = nearestName(exporter, candidates)
      const hint = guess === undefined ? '' : `, did you mean '${guess}'?`
      report(tree.placeOf([...path, String(at)]), path, `there is no job '${exporter}' with a pipeline${hint}`)
    }
  }
}

/** A pipeline that is no job, but runs for ever by itself. */
export const isFile = (exporter: string): boolean => /\.(ya?ml|json)$/i.test(exporter)

function readJobs(tree: Tree, file: string, report: Report): Job[] {
  const root = asMap(tree.value)
  const jobs = asMap(root?.jobs)
  for (const key of Object.keys(root ?? {}))
    if (key !== 'jobs') report(tree.placeOfKey([key]), [key], `unknown key '${key}': a jobs file has jobs`)
  if (jobs === undefined || Object.keys(jobs).length === 0) {
    report(tree.placeOf(['jobs']), ['jobs'], 'expected jobs: a map of names to jobs')
    return []
  }
  return Object.entries(jobs).flatMap(([name, value]) => readJob(tree, file, name, value, report) ?? [])
}

function readJob(tree: Tree, file: string, name: string, value: Json, report: Report): Job | undefined {
  const base = ['jobs', name]
  if (!isName(name))
    report(tree.placeOfKey(base), base, 'the name of a job has 1 to 200 printable characters, and no /')
  const result = jobKeys.safeParse(value, { error: wording })
  const issues = plainIssues(result.error?.issues ?? [])
  // a kind that is misspelled is told of once
  const unknown = issues.some(({ code, path }) => code === 'unrecognized_keys' && path.length === 0)
  for (const issue of issues) {
    if (unknown && issue.code === 'custom' && issue.path.length === 0) continue
    const path = [...base, ...issue.path]
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(issue.path)
      for (const key of issue.keys) {
        const guess = nearestName(key, known)
        const hint = guess === undefined ? `: there are ${known.join(', ')}` : `, did you mean '${guess}'?`
        report(tree.placeOfKey([...path, key]), [...path, key], `unknown key '${key}'${hint}`)
      }
    } else {
      const label = issue.path.length === 0 ? `job '${name}'` : issue.path.map(String).join('.')
      report(tree.placeOf(path), path, `${label}: ${issue.message}`)
    }
  }
  const times = readSchedule(tree, base, value, report)
  if (!result.success || times === undefined) return undefined
  const kind = kindNames.find(of => result.data[of] !== undefined)!
  const { pipeline } = result.data
  return {
    ...result.data,
    ...(pipeline === undefined ? {} : { pipeline: resolve(dirname(file), pipeline) }),
    name,
    kind,
    times,
  }
}

/** Also where other keys of the job are wrong; a key of the wrong type is told of by the schema. */
function readSchedule(tree: Tree, base: readonly string[], value: Json, report: Report): Schedule | undefined {
  const { schedule, time_zone = 'UTC' } = asMap(value) ?? {}
  if (typeof schedule !== 'string' || typeof time_zone !== 'string' || schedule === '' || time_zone === '')
    return undefined
  const knownZone = isTimeZone(time_zone)
  if (!knownZone)
    report(
      tree.placeOf([...base, 'time_zone']),
      [...base, 'time_zone'],
      `time_zone: there is no ${JSON.stringify(time_zone)}: expected a name such as UTC or Europe/Berlin`,
    )
  try {
    const times = parseSchedule(schedule, knownZone ? time_zone : 'UTC')
    return knownZone ? times : undefined
  } catch (error) {
    report(tree.placeOf([...base, 'schedule']), [...base, 'schedule'], `schedule: ${(error as Error).message}`)
    return undefined
  }
}

function asMap(value: Json | undefined): Readonly<Record<string, Json>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : undefined
}
