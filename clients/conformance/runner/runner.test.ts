import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parseCases } from '../case/load.ts'
import { clients } from './clients.ts'
import { renderResults } from './results.ts'
import { createSuite, type Suite } from './runner.ts'

let suite: Suite
const { command } = clients.ts()

before(async () => {
  suite = await createSuite()
})
after(() => suite.close())

const caseOf = (more: string) => parseCases('some', `name: A case that is only a test\nrule: ['1.2']\n${more}`)[0]!
const send = 'steps: [{ connect: { stream: a } }, { send: [1] }, flush]'

test('a case that holds has no failure', async () => {
  assert.equal(await suite.run(caseOf(`${send}\nexpect: { stored: { a: ['1'] } }`), command, 'post'), undefined)
})

test('a failure tells the case, the step, what was expected and found, and what passed', async () => {
  const failure = await suite.run(caseOf(`${send}\nexpect: { stored: { a: ['2'] } }`), command, 'websocket')
  assert.match(failure!, /A case that is only a test \(some\.yaml, rules 1\.2, websocket\)/)
  assert.match(failure!, /at: +expect/)
  assert.match(failure!, /expected: 1 events, from 0 on: 2\n +found: +1 events, from 0 on: 1/)
  assert.match(failure!, /▼ ack: text frame \{"type":"ack","count":1/)
})

for (const [what, steps] of [
  ['a step with another answer', 'steps: [{ connect: {}, fails: spool }]'],
  ['a wait that never ends', `${send.slice(0, -1)}, { wait: { stats: { acked: 2 } } }]\ntimeout_ms: 300`],
  ['a report that may not be', `${send}\nexpect: { never_reports: [{ type: ack }] }`],
  ['a report that is not there', `${send}\nexpect: { reports: [{ type: drop }] }`],
  ['a unit that may not pass', `${send}\nexpect: { never_sees: [{ kind: ack }] }`],
  ['a count of the proxy', `${send}\nexpect: { proxy: { batch: 2 } }`],
  ['too short a wait', `${send}\nexpect: { least_ms: { from: { kind: batch }, to: { kind: ack }, at_least: 60000 } }`],
  ['a dead letter that is not there', `${send}\nexpect: { dead_letters: { a: [{ index: 0, code: x }] } }`],
  ['a spool that is not there', `${send}\nexpect: { spool: { files: [state.json] } }`],
  ['a stream that should not be', `${send}\nexpect: { absent: [a] }`],
  ['an epoch', `${send}\nexpect: { epochs: { a: 5 } }`],
  ['a process that has ended', 'steps: [{ connect: {} }, { client: kill }, flush]'],
] as const)
  test(`noticed: ${what}`, async () => {
    assert.match((await suite.run(caseOf(steps), command, 'post')) ?? 'nothing', /A case that is only a test/)
  })

test('the table counts what passed of each theme, and lists what failed', () => {
  const given = caseOf(send)
  const hello = { client: 'ts', runtime: 'node 1', features: [] }
  const runs = [undefined, 'broken'].map(failure => ({ given, transport: 'post' as const, failure }))
  const text = renderResults([{ client: 'ts', hello, seconds: 1, runs }], '2000-01-01')
  assert.match(text, /\| some \| – \| 1\/2 \|/)
  assert.match(text, /- ts, post: A case that is only a test \(`some\.yaml`\)/)
})
