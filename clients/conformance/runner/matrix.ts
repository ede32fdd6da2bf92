import { type Case, type TransportName, transports } from '../case/case.ts'
import type { Command } from './adapter.ts'
import { startAdapter } from './adapter.ts'
import { within } from './deadline.ts'
import { must } from './world.ts'

/** What a client says of itself. */
export interface Hello {
  client: string
  runtime: string
  features: string[]
}

export interface Run {
  given: Case
  transport: TransportName
}

export async function hello(command: Command): Promise<Hello> {
  const adapter = startAdapter(command)
  try {
    return must(await within(20_000, 'hello', adapter.call('hello'))) as unknown as Hello
  } finally {
    await adapter.kill()
  }
}

/** All cases that the client can do, on each transport for which they hold. */
export function runsOf(
  cases: readonly Case[],
  { features }: Hello,
  only: readonly TransportName[] = transports,
): Run[] {
  return cases
    .filter(({ needs }) => needs.every(need => features.includes(need)))
    .flatMap(given =>
      given.transports
        .filter(transport => only.includes(transport) && features.includes(transport))
        .map(transport => ({ given, transport })),
    )
}

/** Works through a list, so many at a time. */
export async function eachOf<T>(list: readonly T[], atATime: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...list]
  async function worker(): Promise<void> {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atATime }, worker))
}
