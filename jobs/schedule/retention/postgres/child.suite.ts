import { run } from '../harness.suite.ts'

/** The program of `gateways.test.ts`: one run of retention, in a process that is killed in the middle. */
const [url, keys, position] = process.argv.slice(2) as [string, string, string]
await run({ keys, url, state: { 'in:events': { position: Number(position) } } })
