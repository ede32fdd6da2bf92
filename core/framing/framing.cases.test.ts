import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { frameOwned } from './framer.ts'
import { entriesOf, frame, fromText, toBinary } from './framing.suite.ts'
import type { FramerOptions } from './framing.ts'

/** A line of cases.jsonl. `in` is text, `hex` bytes; an entry is text, or `hex:…`. */
interface Case {
  is: string
  in?: string
  hex?: string
  options?: FramerOptions
  out: string[]
  bad?: { index: number; line: number; code: string; byte: number }[]
  dead?: { at: number; size: number }[]
}

const cases = readFileSync(new URL('./cases.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map(line => JSON.parse(line) as Case)

const groups = Map.groupBy(cases, one => one.is)

describe('framing', () => {
  for (const [is, group] of groups) {
    test(is, () => {
      for (const one of group) check(one)
    })
  }

  test('every case has the same outcome at every cut, byte by byte, and with entries taken in between', () => {
    for (const one of cases) {
      const bytes = bytesOf(one)
      const whole = frame(bytes, one.options)
      for (let cut = 1; cut < bytes.length; cut++) {
        assert.deepEqual(frame(bytes, one.options, [cut]), whole, `${one.is}: cut at ${cut}`)
        assert.deepEqual(
          frame(bytes, one.options, [cut], () => true),
          whole,
          `${one.is}: cut at ${cut}, taken`,
        )
      }
      const everywhere = Array.from(bytes, (_, at) => at)
      assert.deepEqual(frame(bytes, one.options, everywhere), whole, one.is)
      assert.deepEqual(
        frame(bytes, one.options, everywhere, () => true),
        whole,
        one.is,
      )
    }
  })

  test('every case has the same outcome where the bytes are handed over', () => {
    for (const one of cases) {
      const whole = frame(bytesOf(one), one.options)
      const { frames, failure, bad } = frameOwned(bytesOf(one), one.options)
      assert.deepEqual(frames === undefined ? [] : entriesOf(frames), whole.entries, one.is)
      assert.deepEqual(frames?.dead ?? [], whole.dead, one.is)
      assert.deepEqual(bad, whole.bad, one.is)
      assert.deepEqual(failure, whole.failure, one.is)
    }
  })
})

function check(one: Case): void {
  const outcome = frame(bytesOf(one), one.options)
  const name = JSON.stringify(one)
  assert.deepEqual(outcome.entries, one.out.map(expected), name)
  assert.deepEqual(
    outcome.bad.map(({ index, line, code, message }) => ({ index, line, code, byte: byteOf(message) })),
    one.bad ?? [],
    name,
  )
  assert.deepEqual(
    outcome.dead.map(({ at, size }) => ({ at, size })),
    one.dead ?? [],
    name,
  )
  const stops = outcome.bad.length > outcome.dead.length
  assert.deepEqual(outcome.failure, stops ? outcome.bad.at(-1) : undefined, name)
}

function bytesOf(one: Case): Uint8Array<ArrayBuffer> {
  return one.hex === undefined ? fromText(one.in ?? '') : Uint8Array.from(Buffer.from(one.hex, 'hex'))
}

function expected(out: string): string {
  return out.startsWith('hex:') ? Buffer.from(out.slice(4), 'hex').toString('latin1') : toBinary(fromText(out))
}

function byteOf(message: string): number {
  return Number(/ \(line \d+, byte (\d+)\)$/.exec(message)?.[1])
}
