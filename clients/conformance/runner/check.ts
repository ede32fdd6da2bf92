import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Condition, Expectation } from '../case/case.ts'
import { matches, missing, missingInOrder } from '../case/match.ts'
import type { World } from './world.ts'

/** What was expected and what was found instead. */
export interface Difference {
  what: string
  expected: unknown
  found: unknown
}

type Found = Difference | undefined

/** The first part of a condition that does not hold. */
export async function differs(world: World, condition: Condition): Promise<Found> {
  const { stats, reports, counts = {}, proxy = {} } = condition
  for (const [kind, expected] of Object.entries(proxy)) {
    const found = world.proxy.count(kind as keyof typeof proxy)
    if (!matches(found, expected)) return { what: `${kind}s that the proxy saw`, expected, found }
  }
  if (stats) {
    const found = await world.stats()
    const named = { ...found, key: world.nameOf(found.key) }
    if (!matches(named, stats)) return { what: 'stats', expected: stats, found: named }
  }
  if (reports) {
    const found = await world.reports()
    const expected = missing(found, reports)
    if (expected !== undefined) return { what: 'reports', expected, found }
  }
  for (const [stream, expected] of Object.entries(counts)) {
    const found = await world.streams.count(await resolve(world, stream))
    if (!matches(found, expected)) return { what: `count of ${stream}`, expected, found }
  }
  return undefined
}

export async function unmet(world: World, expectation: Expectation): Promise<Found> {
  return (
    (await differs(world, expectation)) ??
    (await gatewayDiffers(world, expectation)) ??
    (await reportsDiffer(world, expectation)) ??
    proxyDiffers(world, expectation) ??
    spoolDiffers(world, expectation)
  )
}

async function gatewayDiffers(
  world: World,
  { stored = {}, epochs = {}, absent = [], dead_letters = {} }: Expectation,
): Promise<Found> {
  for (const [stream, expected] of Object.entries(stored)) {
    const wanted = Array.isArray(expected) ? expected : generated(expected)
    const found = await world.streams.payloads(await resolve(world, stream))
    const at = found.findIndex((text, i) => text !== wanted[i])
    if (at >= 0 || found.length !== wanted.length) return storedDifference(stream, wanted, found, at)
  }
  for (const [stream, expected] of Object.entries(epochs)) {
    const found = (await world.streams.head(await resolve(world, stream)))?.epoch
    if (!matches(found, expected)) return { what: `epoch of ${stream}`, expected, found }
  }
  for (const stream of absent) {
    const found = await world.streams.head(await resolve(world, stream))
    if (found !== undefined) return { what: `stream ${stream}`, expected: 'none', found }
  }
  for (const [stream, expected] of Object.entries(dead_letters)) {
    const found = await world.streams.deadLetters(await resolve(world, stream))
    if (!matches(found, expected)) return { what: `dead letters of ${stream}`, expected, found }
  }
  return undefined
}

function storedDifference(stream: string, expected: string[], found: string[], differing: number): Difference {
  const at = differing < 0 ? found.length : differing
  const show = (texts: string[]) =>
    `${texts.length} events, from ${at} on: ${texts
      .slice(at, at + 3)
      .map(text => text.slice(0, 80))
      .join(' ')}`
  return { what: `events of ${stream}`, expected: show(expected), found: show(found) }
}

function generated({ generated: ranges, pad }: { generated: [number, number][]; pad: number }): string[] {
  const text = 'x'.repeat(pad)
  return ranges.flatMap(([from, to]) =>
    Array.from({ length: to - from }, (_, i) => JSON.stringify({ n: from + i, pad: text })),
  )
}

async function reportsDiffer(world: World, { never_reports = [] }: Expectation): Promise<Found> {
  if (never_reports.length === 0) return undefined
  const all = await world.reports()
  const found = all.find(report => never_reports.some(never => matches(report, never)))
  return found && { what: 'reports', expected: `none of ${JSON.stringify(never_reports)}`, found }
}

function proxyDiffers({ proxy }: World, { sees = [], never_sees = [], least_ms }: Expectation): Found {
  const lacking = missingInOrder(proxy.seen, sees)
  if (lacking !== undefined) return { what: 'what the proxy saw, in this order', expected: lacking, found: 'see below' }
  const found = proxy.seen.find(seen => never_sees.some(never => matches(seen, never)))
  if (found) return { what: 'what the proxy saw', expected: `none of ${JSON.stringify(never_sees)}`, found }
  if (least_ms === undefined) return undefined
  const first = proxy.seen.find(seen => matches(seen, least_ms.from))
  const then = first && proxy.seen.slice(proxy.seen.indexOf(first) + 1).find(seen => matches(seen, least_ms.to))
  const ms = then && then.at - first.at
  // clocks of timers and of dates differ by a millisecond or two
  if (ms !== undefined && ms >= least_ms.at_least - 5) return undefined
  return { what: 'milliseconds between the two', expected: least_ms, found: ms }
}

function spoolDiffers({ spool: folder }: World, { spool }: Expectation): Found {
  if (spool === undefined) return undefined
  const files = existsSync(folder) ? readdirSync(folder).sort() : []
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  if (spool.state) {
    const found: unknown = files.includes('state.json') ? JSON.parse(read('state.json')) : undefined
    if (!matches(found, spool.state)) return { what: 'state.json', expected: spool.state, found }
  }
  if (spool.lines) {
    const segments = files.filter(name => name.startsWith('entries-'))
    const found = segments.flatMap(name => read(name).split('\n').slice(0, -1))
    if (!matches(found, spool.lines)) return { what: 'lines of the spool', expected: spool.lines, found }
  }
  for (const expected of spool.files ?? [])
    if (!files.some(name => matches(name, expected))) return { what: 'files of the spool', expected, found: files }
  for (const never of spool.files_absent ?? [])
    if (files.some(name => matches(name, never)))
      return { what: 'files of the spool', expected: `no ${never}`, found: files }
  return undefined
}

/** The key at the gateway; `(client)` is that of the client, whatever it is. */
async function resolve(world: World, stream: string): Promise<string> {
  return stream === '(client)' ? (await world.stats()).key : world.keyOf(stream)
}
