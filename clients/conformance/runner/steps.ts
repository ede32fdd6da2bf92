import type { Step } from '../case/case.ts'
import { matches } from '../case/match.ts'
import type { Answer } from './adapter.ts'
import { type Difference, differs } from './check.ts'
import { pause, within } from './deadline.ts'
import { must, type World, writeSpool } from './world.ts'

type Outcome = Difference | undefined
type Of<Verb extends Step['verb']> = Extract<Step, { verb: Verb }>

/** Runs the steps of one case, one after the other. */
export function createSteps(world: World, deadline: number) {
  const { proxy, gateway, streams } = world
  /** what `begin` began */
  const begun = new Map<string, Promise<Answer>>()

  const run: { [Verb in Step['verb']]: (step: Of<Verb>) => Promise<Outcome> } = {
    async connect({ connect: { token, spool, stream, ...rest }, fails }) {
      const options = {
        transport: world.transport,
        retry_min_ms: 10,
        retry_max_ms: 100,
        ...rest,
        url: proxy.url,
        ...(stream === undefined ? {} : { stream: world.keyOf(stream) }),
        ...(token === undefined ? {} : { token: gateway.secret(token) ?? token }),
        ...(spool === undefined ? {} : { spool: world.spool }),
      }
      return answered(await world.call('connect', { options }), fails)
    },
    send: async ({ send, taken }) => took(await world.call('send', { events: send }), send.length, taken),
    send_raw: async ({ send_raw, taken }) =>
      took(await world.call('send_raw', { texts: send_raw }), send_raw.length, taken),
    async generate({ generate, taken = generate.to - generate.from, fails }) {
      const answer = await within(deadline - Date.now(), 'generate', world.adapter().call('generate', generate))
      if (fails !== undefined || !answer.ok) return answered(answer, fails)
      return compare('taken', taken, answer.taken)
    },
    ready: async ({ ready, fails }) => answered(await world.call('ready', { timeout_ms: 10_000, ...ready }), fails),
    flush: async ({ flush, fails }) => answered(await world.call('flush', { timeout_ms: 10_000, ...flush }), fails),
    async close({ close: { pending, timeout_ms = 10_000 } }) {
      return compare('pending after close', pending, must(await world.call('close', { timeout_ms })).pending)
    },
    async begin({ begin, timeout_ms = 10_000 }) {
      const answer = world.call(begin, { timeout_ms })
      answer.catch(() => {}) // `ends` tells
      begun.set(begin, answer)
      return undefined
    },
    async ends({ ends, fails, pending }) {
      const answer = await begun.get(ends)
      if (answer === undefined) throw new Error(`no ${ends} was begun`)
      const outcome = answered(answer, fails)
      return (
        outcome ?? (pending === undefined ? undefined : compare(`pending after ${ends}`, pending, must(answer).pending))
      )
    },
    wait: ({ wait }) => until(() => differs(world, wait)),
    check: ({ check }) => differs(world, check),
    async client({ client }) {
      if (client === 'start') world.start()
      else if (client === 'kill') await world.adapter().kill()
      else
        return compare(
          'exit code of the client',
          0,
          await within(10_000, 'the client does not end', world.adapter().end()),
        )
      return undefined
    },
    async gateway({ gateway: what }) {
      if (what === 'start') proxy.retarget(await gateway.start())
      else {
        const ending = gateway.end(what === 'kill' ? 'SIGKILL' : 'SIGTERM')
        await ending
        proxy.retarget(undefined)
      }
      return undefined
    },
    async network({ network }) {
      proxy.change(network)
      return undefined
    },
    async fault({ fault }) {
      proxy.addFaults(fault)
      return undefined
    },
    async producer({ producer: { stream, texts, epoch } }) {
      await streams.produce(world.keyOf(stream), texts, epoch)
      return undefined
    },
    async delete({ delete: stream }) {
      await streams.remove(world.keyOf(stream))
      return undefined
    },
    async token({ token: { create, revoke } }) {
      if (create !== undefined) await gateway.create(create, 'ingest')
      if (revoke !== undefined) await gateway.revoke(revoke)
      return undefined
    },
    async spool({ spool }) {
      writeSpool(world.spool, spool)
      return undefined
    },
  }

  async function until(look: () => Promise<Outcome>): Promise<Outcome> {
    for (;;) {
      const outcome = await look()
      if (outcome === undefined || Date.now() > deadline) return outcome
      await pause(15)
    }
  }

  return (step: Step): Promise<Outcome> => (run[step.verb] as (step: Step) => Promise<Outcome>)(step)
}

function compare(what: string, expected: unknown, found: unknown): Outcome {
  return matches(found, expected) ? undefined : { what, expected, found }
}

function answered(answer: Answer, fails: string | undefined): Outcome {
  const found = answer.ok ? 'success' : answer.code
  const expected = fails ?? 'success'
  return matches(found, expected) ? undefined : { what: 'answer', expected, found: answer }
}

function took(answer: Answer, count: number, taken: boolean[] | 'all' | 'none' | 'any'): Outcome {
  if (taken === 'any') return undefined
  const expected = Array.isArray(taken) ? taken : Array.from({ length: count }, () => taken === 'all')
  return compare('taken', expected, must(answer).taken)
}
