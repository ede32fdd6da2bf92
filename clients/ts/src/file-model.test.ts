import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { segmentsOf } from './file.suite.ts'
import { fileSpool } from './file.ts'
import type { SpoolContent } from './types.ts'

/** What a spool has to keep, without files: PROTOCOL.md, section 8. */
interface Model {
  lines: string[]
  dropped: Set<number>
  settled: number
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), text: fc.string({ maxLength: 60 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), by: fc.nat(6) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('drop' as const), at: fc.nat(8), count: fc.integer({ min: 1, max: 3 }) }),
  },
  // a crash ends the process without a close, perhaps in the middle of a write
  fc.record({
    do: fc.constant('crash' as const),
    torn: fc.constantFrom('', '{"a', '"ä'),
    tornDrop: fc.constantFrom('', '7', '7 '),
  }),
  fc.record({ do: fc.constant('restart' as const) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type Of<Do> = Extract<Step, { do: Do }>

const numRuns = Number(process.env.MILLRACE_FUZZ_RUNS ?? 100)

test('a spool gives back what a list in memory does, whatever was appended, dropped, settled and torn', () => {
  const steps = fc.array(step, { maxLength: 60, size: 'max' })
  fc.assert(fc.property(steps, run), { numRuns })
})

function run(steps: Step[]): void {
  const root = mkdtempSync(join(tmpdir(), 'millrace-spool-'))
  const model: Model = { lines: [], dropped: new Set(), settled: 0 }
  let lives = 0
  let folder = join(root, '0')
  let spool = open()

  function open() {
    const opened = fileSpool(folder, { segmentBytes: 200 })
    check(opened.open() as SpoolContent, model)
    opened.begin({ key: 'k', epoch: ++lives, ...headOf(model) })
    return opened
  }

  const isLive = (entry: number) => entry < model.lines.length && !model.dropped.has(entry)

  const doing = {
    append({ text }: Of<'append'>) {
      const line = JSON.stringify(text)
      assert.equal(spool.append(line), true)
      model.lines.push(line)
    },
    settle({ by }: Of<'settle'>) {
      model.settled = Math.min(model.settled + by, model.lines.length)
      const { entry, position } = headOf(model)
      spool.settle(entry, position)
    },
    drop({ at, count }: Of<'drop'>) {
      const entries = Array.from({ length: count }, (_, i) => model.settled + at + i)
      if (!entries.every(isLive)) return
      spool.drop(entries[0]!, count)
      for (const entry of entries) model.dropped.add(entry)
    },
    crash({ torn, tornDrop }: Of<'crash'>) {
      // a copy is what a process leaves that ends at this point
      const left = join(root, String(lives))
      cpSync(folder, left, { recursive: true })
      // but for the lock, which names this process
      rmSync(join(left, 'lock'), { force: true })
      spool.close()
      folder = left
      const last = segmentsOf(folder).toSorted().at(-1)
      if (last !== undefined) appendFileSync(join(folder, last), torn)
      appendFileSync(join(folder, 'drops'), tornDrop)
      spool = open()
    },
    restart() {
      spool.close()
      spool = open()
    },
  }

  try {
    for (const one of steps) doing[one.do](one as never)
    spool.close()
    spool = open()
  } finally {
    spool.close()
    rmSync(root, { recursive: true })
  }
}

/** The first entry that is neither settled nor dropped, or the next one. */
function headOf(model: Model) {
  let entry = model.settled
  while (model.dropped.has(entry)) entry++
  return { entry, position: positionOf(model, entry) }
}

/** Events before `entry` that were not dropped. */
function positionOf({ dropped }: Model, entry: number): number {
  return entry - [...dropped].filter(one => one < entry).length
}

/** What was settled may be there still, but nothing may be missing, and positions are right. */
function check({ state, entries, next }: SpoolContent, model: Model): void {
  const from = state?.entry ?? 0
  const known = model.lines.flatMap((line, entry) => (entry < from || model.dropped.has(entry) ? [] : { entry, line }))
  assert.deepEqual(entries, known)
  assert.equal(next, model.lines.length)
  assert.ok(from <= headOf(model).entry, `entry ${from} is not settled yet`)
  if (state !== undefined) assert.equal(state.position, positionOf(model, from))
}
