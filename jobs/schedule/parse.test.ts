import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProblem } from '../topology/problem.ts'
import { parseJobs } from './parse.ts'

const problemsOf = (text: string) => parseJobs(text, 'jobs.yaml').problems.map(formatProblem)

test('a jobs file is read with its defaults', () => {
  const { jobs, problems } = parseJobs(
    `jobs:
  lake:    { schedule: "5 * * * *", time_zone: UTC, pipeline: lake.yaml, catch_up: true, timeout: 30m }
  compact: { schedule: "@daily", compact: { path: ./lake, target_file_size: 256MiB } }
  keep:    { schedule: "@daily", retention: { table: events, keep: 14d, exported_by: lake } }
  vacuum:  { schedule: "0 4 * * SUN", vacuum: {}, enabled: false }
`,
    '/etc/millrace/jobs.yaml',
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(
    jobs.map(({ name, kind, enabled }) => [name, kind, enabled]),
    [
      ['lake', 'pipeline', true],
      ['compact', 'compact', true],
      ['keep', 'retention', true],
      ['vacuum', 'vacuum', false],
    ],
  )
  const [lake, compact, keep] = jobs
  assert.equal(lake!.pipeline, '/etc/millrace/lake.yaml', 'beside the jobs file')
  assert.deepEqual([lake!.timeout, lake!.catch_up, lake!.retries, lake!.retry_wait], [1_800_000, true, 0, 30_000])
  assert.deepEqual(compact!.compact, {
    path: './lake',
    target_file_size: 268_435_456,
    min_files: 2,
    older_than: 600_000,
    compression: 'zstd',
  })
  assert.deepEqual(keep!.retention, { table: 'events', keep: 1_209_600_000, exported_by: ['lake'], force: false })
})

test('all that is wrong is told at once, each with its place', () => {
  assert.deepEqual(
    problemsOf(`jobs:
  lake:
    schedule: "5 * * *"
    time_zone: Mars
    pipelin: lake.yaml
    timeout: soon
  both: { schedule: "61 * * * *", vacuum: {}, compact: { path: x } }
  keep: { schedule: "@daily", retention: { table: dead_letters, keep: 14d, exported_by: laek } }
  none: { vacuum: {} }
  text: 5
other: 1
`),
    [
      'jobs.yaml:3:15: schedule: expected five fields (minute hour day month weekday), six with seconds, or @daily, got "5 * * *"',
      'jobs.yaml:4:16: time_zone: there is no "Mars": expected a name such as UTC or Europe/Berlin',
      "jobs.yaml:5:5: unknown key 'pipelin', did you mean 'pipeline'?",
      'jobs.yaml:6:14: timeout: expected a duration such as 500ms, 10s or 5m, got "soon"',
      "jobs.yaml:7:9: job 'both': a job does exactly one of pipeline, compact, retention, vacuum",
      'jobs.yaml:7:21: schedule: "61 * * * *": invalid value for minute: 61',
      "jobs.yaml:8:51: retention.table: expected one of events, otlp_logs, otlp_traces, otlp_metrics_gauge, otlp_metrics_sum, otlp_metrics_histogram, otlp_metrics_exp_histogram, otlp_metrics_summary, got 'dead_letters'",
      "jobs.yaml:8:89: there is no job 'laek' with a pipeline",
      'jobs.yaml:9:9: schedule: is missing: expected text',
      "jobs.yaml:10:9: job 'text': expected keys and values, got 5",
      "jobs.yaml:11:1: unknown key 'other': a jobs file has jobs",
    ],
  )
})

test('retention needs to know who has read the rows, or to be forced', () => {
  const keep = (rest: string) =>
    problemsOf(`jobs: { keep: { schedule: "@daily", retention: { table: events, keep: 1d${rest} } } }`)
  assert.match(keep('').join(), /exported_by: is missing: name the job that reads the table first, or say force: true/)
  assert.match(keep(', force: true, exported_by: a.yaml').join(), /force goes without exported_by/)
  assert.deepEqual(keep(', force: true'), [])
  assert.deepEqual(keep(', exported_by: [a.yaml, b.yml]'), [])
})

test('a job that is broken itself is still the one that exported_by names', () => {
  const problems = problemsOf(`jobs:
  lake: { schedule: "@daily", pipeline: lake.yaml, retries: -1 }
  keep: { schedule: "@daily", retention: { table: events, keep: 1d, exported_by: lake } }
`)
  assert.deepEqual(problems, ['jobs.yaml:2:61: retries: expected at least 0, got -1'])
})

for (const [what, text, message] of [
  ['an empty file', '', /empty/],
  ['no jobs', 'jobs: {}', /expected jobs: a map of names to jobs/],
  ['a list', '- a', /expected jobs/],
  ['broken YAML', 'jobs: {', /jobs\.yaml:1:\d+: /],
  ['a key that is there twice', 'jobs:\n  a: { schedule: "@daily", vacuum: {} }\n  a: 1', /twice/],
  ['a name that no URL can have', 'jobs: { "a/b": { schedule: "@daily", vacuum: {} } }', /name of a job/],
  ['deep nesting', `jobs: ${'['.repeat(5000)}`, /./],
  ['__proto__', 'jobs: { __proto__: 5 }', /job '__proto__': expected keys and values/],
] as const)
  test(`${what} is a problem, not a failure`, () => {
    assert.match(problemsOf(text).join('\n'), message)
  })
