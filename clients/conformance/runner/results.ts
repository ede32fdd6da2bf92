import { transports } from '../case/case.ts'
import type { Hello, Run } from './matrix.ts'

export interface Result {
  client: string
  hello: Hello
  seconds: number
  runs: (Run & { failure: string | undefined })[]
}

/** RESULTS.md: clients × themes, passed of all per transport, and what failed by name. */
export function renderResults(results: readonly Result[], date: string): string {
  const themes = [...new Set(results.flatMap(({ runs }) => runs.map(({ given }) => given.theme)))].sort()
  const columns = results.flatMap(result => transports.map(transport => ({ result, transport })))
  const head = ['theme', ...columns.map(({ result, transport }) => `${result.client} ${transport}`)]
  const rows = [...themes, undefined].map(theme => [
    theme ?? '**all**',
    ...columns.map(({ result, transport }) =>
      passed(result.runs.filter(run => run.transport === transport && (theme ?? run.given.theme) === run.given.theme)),
    ),
  ])
  const failures = results.flatMap(({ client, runs }) =>
    runs
      .filter(({ failure }) => failure !== undefined)
      .map(({ given, transport }) => `- ${client}, ${transport}: ${given.name} (\`${given.theme}.yaml\`)`),
  )
  return `# Results of the conformance suite

Written by \`node clients/conformance/run.ts --write\` on ${date}: cases passed / run. A case that a client has no feature for, or that
holds for the other transport only, is not counted.

${table(head, rows)}

${table(
  ['client', 'runtime', 'seconds'],
  results.map(({ client, hello, seconds }) => [client, hello.runtime, seconds.toFixed(0)]),
)}

## Failures

${failures.length === 0 ? 'None.' : failures.join('\n')}
`
}

function passed(runs: Result['runs']): string {
  return runs.length === 0 ? '–' : `${runs.filter(({ failure }) => failure === undefined).length}/${runs.length}`
}

const table = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
