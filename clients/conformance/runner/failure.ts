import type { Case, TransportName } from '../case/case.ts'
import type { Difference } from './check.ts'
import type { World } from './world.ts'

export interface Failure {
  given: Case
  transport: TransportName
  /** the step */
  at: string
  difference: Difference | Error
  world: World
}

/** For people: the case, the step, what was expected and found, and what passed the proxy last. */
export function describeFailure({ given, transport, at, difference, world }: Failure): string {
  const found =
    difference instanceof Error
      ? [`  failed:   ${difference.message}`]
      : [
          `  compared: ${difference.what}`,
          `  expected: ${show(difference.expected)}`,
          `  found:    ${show(difference.found)}`,
        ]
  const { seen } = world.proxy
  const [start] = seen
  const frames = seen.slice(-20).map(({ at, connection, side, kind, start: line, text, fault }) => {
    const what = fault === undefined ? '' : ` [${fault}]`
    return `    ${String(at - start!.at).padStart(6)} ms  #${connection} ${side === 'up' ? '▲' : '▼'} ${kind}${what}: ${cut(line, 300)} ${cut(text, 160)}`
  })
  const stderr = world.adapter().stderr()
  const log = world.gateway.log()
  return [
    `${given.name} (${given.theme}.yaml, rules ${given.rule.join(', ')}, ${transport})`,
    `  at:       ${cut(at, 300)}`,
    ...found,
    `  the proxy saw, last:${frames.length === 0 ? ' nothing' : ''}`,
    ...frames,
    ...(stderr === '' ? [] : [`  the client's stderr: ${stderr}`]),
    ...(log === '' ? [] : [`  the gateway's log: ${log}`]),
  ].join('\n')
}

const show = (value: unknown) => cut(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'), 1500)

function cut(text: string, most: number): string {
  const line = text.replaceAll('\n', '␊').replace(/([?&]token=)[^& ]+/g, '$1…')
  return line.length <= most ? line : `${line.slice(0, most)}… (${line.length})`
}
