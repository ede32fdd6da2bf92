import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pipelinesRun } from './run.ts'
import { lakeScenario, serviceScenario } from './scenarios.ts'

const seed = Number(process.env.MILLRACE_SEED ?? Date.now() % 1_000_000)
const repeat = `repeat with MILLRACE_SEED=${seed}`
const load = { events: 9_000, producers: 3, seed }

test('what a gateway acked is in tables and files exactly once, whoever is killed or stopped', async t => {
  const scenario = lakeScenario()
  const result = await pipelinesRun({ ...load, scenario, kills: 8, gatewayKills: 2, pauses: 1 })
  t.diagnostic(JSON.stringify({ seed, ...result }))
  assert.deepEqual(result.violations, [], repeat)
  assert.ok(result.acked > 8_000, `only ${result.acked} events were taken: the run proves nothing`)
})

test('a service that keeps each key once has each event exactly once, whoever is killed', async t => {
  const scenario = await serviceScenario(seed)
  t.after(() => scenario.close())
  const result = await pipelinesRun({ ...load, scenario, kills: 4, gatewayKills: 1 })
  t.diagnostic(JSON.stringify({ seed, ...result, repeated: scenario.repeated() }))
  assert.deepEqual(result.violations, [], repeat)
  assert.ok(result.acked > 8_000, `only ${result.acked} events were taken: the run proves nothing`)
  assert.ok(scenario.repeated() > 0, `no request came twice: the run proves nothing, ${repeat}`)
})
