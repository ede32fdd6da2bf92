import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipOf, storeKinds } from '../support/stores.ts'
import { killRun } from './kill/run.ts'

for (const over of storeKinds)
  test(
    `every acknowledged OpenTelemetry request is stored whole through 8 kills, exactly once and in order where it has an offset, and no other: ${over}`,
    {
      skip: skipOf(over),
    },
    async t => {
      const seed = Number(process.env.MILLRACE_SEED ?? Date.now() % 1_000_000)
      const result = await killRun({ kills: 8, seed, kind: 'otlp', over })
      t.diagnostic(JSON.stringify({ seed, ...result }))
      assert.deepEqual(result.violations, [], `repeat with MILLRACE_SEED=${seed}`)
      assert.ok(result.acked > 1000, `only ${result.acked} records were acknowledged: the run proves nothing`)
    },
  )
