import type { Case, TransportName } from '../case/case.ts'
import type { Command } from './adapter.ts'
import { type Difference, unmet } from './check.ts'
import { within } from './deadline.ts'
import { describeFailure, type Failure } from './failure.ts'
import { createGateway, type TestGateway } from './gateway.ts'
import { createSteps } from './steps.ts'
import { createWorld, type World } from './world.ts'

export interface Suite {
  /** Resolves with the text of the failure, or undefined where the case holds. */
  run(given: Case, command: Command, transport: TransportName): Promise<string | undefined>
  close(): Promise<void>
}

/** Cases that need nothing special of the gateway share one. */
export async function createSuite(): Promise<Suite> {
  const shared = await createGateway()
  return {
    run: (given, command, transport) => runCase(given, command, transport, shared),
    close: () => shared.remove(),
  }
}

async function runCase(
  given: Case,
  command: Command,
  transport: TransportName,
  shared: TestGateway,
): Promise<string | undefined> {
  let at = 'setup'
  const world = await createWorld(given, command, transport, shared)
  const fail = (difference: Difference | Error) =>
    describeFailure({ given, transport, at, difference, world } satisfies Failure)
  try {
    world.start()
    const step = createSteps(world, Date.now() + given.timeout_ms)
    for (const [index, { verb, ...written }] of given.steps.entries()) {
      at = `step ${index + 1}, ${JSON.stringify(written)}`
      const outcome = await step({ verb, ...written } as Case['steps'][number])
      if (outcome) return fail(outcome)
    }
    at = 'expect'
    const outcome = (await unmet(world, given.expect)) ?? (await always(given, world))
    return outcome && fail(outcome)
  } catch (error) {
    return fail(error as Error)
  } finally {
    await world.close()
  }
}

/** What no client may break, whatever the case is about. */
async function always(given: Case, world: World): Promise<Difference | undefined> {
  const { gateway } = world
  const leaked = Object.keys(given.setup.tokens).find(name => world.adapter().stderr().includes(gateway.secret(name)!))
  if (leaked !== undefined) return { what: 'stderr', expected: 'no token in it (7.10)', found: leaked }
  const how = await within(10_000, 'the process at the end of its input', world.adapter().end())
  return how === 0 || how === 'SIGKILL'
    ? undefined
    : { what: 'exit code at the end of its input', expected: 0, found: how }
}
