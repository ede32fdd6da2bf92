import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { loadCases } from './case/load.ts'
import { type ClientName, clients, type PreparedClient } from './runner/clients.ts'
import { hello, runsOf } from './runner/matrix.ts'
import { createSuite } from './runner/runner.ts'

/** Every case for the clients as most people run them; on the other runtimes a few of each kind. */

const cases = loadCases()
const smoke = cases.filter(({ smoke }) => smoke)
const suite = await createSuite()
const prepared: PreparedClient[] = []

after(async () => {
  await suite.close()
  for (const { remove } of prepared) remove()
})

async function conforms(name: ClientName, chosen: typeof cases): Promise<void> {
  const client = clients[name]()
  prepared.push(client)
  const runs = runsOf(chosen, await hello(client.command))
  describe(`${name} client`, { concurrency: 3 }, () => {
    for (const { given, transport } of runs)
      test(`${given.theme}: ${given.name} (${transport})`, async () => {
        const failure = await suite.run(given, client.command, transport)
        assert.ok(failure === undefined, `\n${failure}`)
      })
  })
}

await conforms('ts', cases)
try {
  await conforms('go', cases)
} catch (error) {
  const { message } = error as Error
  // elsewhere than in CI nobody needs Go who does not work on its client
  const skip = message.includes('no `go`') && process.env.CI === undefined && message
  test('go client', { skip }, () => assert.fail(message))
}
for (const name of ['deno', 'bun', 'workerd'] as const) await conforms(name, smoke)
