import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type TransportName, transports } from './case/case.ts'
import { loadCases } from './case/load.ts'
import { type ClientName, clientNames, clients } from './runner/clients.ts'
import { eachOf, hello, runsOf } from './runner/matrix.ts'
import { type Result, renderResults } from './runner/results.ts'
import { createSuite } from './runner/runner.ts'

/** The suite by hand; see README.md. */

const usage = `node clients/conformance/run.ts [--client ts,go,deno,bun,workerd] [--case PATTERN] [--transport websocket,post]
                                   [--smoke] [--at-a-time 3] [--write]`

const { values } = parseArgs({
  options: {
    client: { type: 'string', default: clientNames.join() },
    case: { type: 'string', default: '' },
    transport: { type: 'string', default: transports.join() },
    smoke: { type: 'boolean', default: false },
    'at-a-time': { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

function oneOf<Name extends string>(flag: string, text: string, known: readonly Name[]): Name[] {
  const names = text.split(',')
  const unknown = names.find(name => !known.includes(name as Name))
  if (unknown === undefined) return names as Name[]
  console.error(`--${flag}: there is no ${unknown}, but ${known.join(', ')}`)
  process.exit(2)
}

async function runClient(name: ClientName, only: TransportName[]): Promise<Result> {
  const pattern = new RegExp(values.case, 'i')
  const cases = loadCases().filter(
    ({ name, theme, smoke }) => pattern.test(`${theme}: ${name}`) && (smoke || !values.smoke),
  )
  const { command, remove } = clients[name]()
  const suite = await createSuite()
  const start = performance.now()
  try {
    const told = await hello(command)
    const runs: Result['runs'] = []
    await eachOf(runsOf(cases, told, only), Number(values['at-a-time']), async run => {
      const failure = await suite.run(run.given, command, run.transport)
      runs.push({ ...run, failure })
      if (failure !== undefined) console.log(`✖ ${name}: ${failure}\n`)
    })
    const seconds = (performance.now() - start) / 1000
    const failed = runs.filter(({ failure }) => failure !== undefined).length
    console.log(
      `${name} (${told.runtime}): ${runs.length - failed} of ${runs.length} passed in ${seconds.toFixed(0)} s`,
    )
    return { client: name, hello: told, seconds, runs }
  } finally {
    await suite.close()
    remove()
  }
}

if (values.help) console.log(usage)
else {
  const only = oneOf('transport', values.transport, transports)
  const results: Result[] = []
  for (const name of oneOf('client', values.client, clientNames)) results.push(await runClient(name, only))
  const date = new Date().toISOString().slice(0, 10)
  if (values.write) writeFileSync(join(import.meta.dirname, 'RESULTS.md'), renderResults(results, date))
  process.exitCode = results.some(({ runs }) => runs.some(({ failure }) => failure !== undefined)) ? 1 : 0
}
