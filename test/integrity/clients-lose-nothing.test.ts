import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipOf, storeKinds } from '../support/stores.ts'
import { noGo } from './clients/go.ts'
import { clientsRun } from './clients/run.ts'

const seed = Number(process.env.MILLRACE_SEED ?? Date.now() % 1_000_000)
const repeat = `repeat with MILLRACE_SEED=${seed}`

const languages = noGo() === undefined ? (['ts', 'go'] as const) : (['ts'] as const)

for (const over of storeKinds)
  test(
    `what clients take is stored exactly once and in order, whoever is killed, and no other: ${over}`,
    {
      skip: skipOf(over),
    },
    async t => {
      const without = noGo()
      if (without !== undefined) t.diagnostic(`clients in TypeScript alone: ${without}`)
      const result = await clientsRun({ events: 20_000, kills: 6, cuts: 6, clientKills: 4, seed, over, languages })
      t.diagnostic(JSON.stringify({ seed, ...result }))
      assert.deepEqual(result.violations, [], repeat)
      // but for those whose process died over them
      assert.ok(
        result.accepted >= 20_000 - result.unknown,
        `only ${result.accepted} events were taken: the run proves nothing`,
      )
      assert.ok(result.unknown <= 4, `${result.unknown} events of unknown outcome after 4 kills`)
    },
  )

test('found out: a client that leaves out one event and says that it took it', async () => {
  const { violations } = await clientsRun({
    events: 400,
    kills: 0,
    cuts: 0,
    clientKills: 0,
    seed,
    languages: ['ts'],
    prepare: lanes => (lanes[2]!.config.skip = 50),
  })
  assert.equal(violations.length, 2, JSON.stringify(violations))
  assert.match(violations[0]!, /^ts-2-post: expected event 50 at 50, stored at 50 is .*"n":51/)
  assert.equal(violations[1], 'stored are 399 events, 350 of them as promised')
})

test('found out: clients without a spool, whose processes are killed', async () => {
  const { violations } = await clientsRun({
    events: 2_000,
    kills: 0,
    cuts: 0,
    clientKills: 8,
    seed,
    languages: ['ts'],
    prepare: lanes => {
      for (const lane of lanes) lane.config.spool = ''
    },
  })
  assert.ok(
    violations.some(text => /^ts-\d-\w+: (expected event|\d+ accepted events are missing)/.test(text)),
    `${repeat}: ${JSON.stringify(violations)}`,
  )
})
