import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { frameMessage, frameOwned } from '../../core/framing/framer.ts'
import { entriesOf, frame, type Outcome, toBinary } from '../../core/framing/framing.suite.ts'
import { account } from './framing.account.ts'
import { body, cuts, jsonText, options } from './framing.arbitrary.ts'
import { reference } from './framing.reference.ts'

/** generated bodies for each property */
const numRuns = Number(process.env.MILLRACE_FUZZ_RUNS ?? 2000)
const seed = Number(process.env.MILLRACE_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31))
const run = { numRuns, seed }

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const decode = (entry: string) => decoder.decode(Buffer.from(entry, 'latin1'))

/** An outcome with only the place left of each message. */
function places(outcome: Outcome): Outcome {
  const place = <T extends { message: string }>(bad: T): T => ({
    ...bad,
    message: /byte \d+(?=\)?$)/.exec(bad.message)?.[0] ?? '',
  })
  const { failure } = outcome
  return {
    ...outcome,
    dead: outcome.dead.map(place),
    bad: outcome.bad.map(place),
    failure: failure && place(failure),
  }
}

describe(`framing of generated bodies (reproduce with MILLRACE_FUZZ_RUNS=${numRuns} MILLRACE_FUZZ_SEED=${seed})`, () => {
  const db = new Database(':memory:')
  const jsonValid = db.prepare('select json_valid(?)').pluck()
  after(() => db.close())

  test('where the chunks are cut changes nothing', () => {
    fc.assert(
      fc.property(body, options, cuts, (bytes, limits, at) => {
        const whole = frame(bytes, limits)
        const positions = at.map(([position]) => position % (bytes.length + 1))
        assert.deepEqual(
          frame(bytes, limits, positions, k => at[k]?.[1] ?? false),
          whole,
        )
        const owned = frameOwned(bytes.slice(), limits)
        assert.deepEqual(owned.frames ? entriesOf(owned.frames) : [], whole.entries)
        assert.deepEqual(owned.frames?.dead ?? [], whole.dead)
        assert.deepEqual(owned.bad, whole.bad)
        assert.deepEqual(owned.failure, whole.failure)
      }),
      run,
    )
  })

  test('what is framed is what a plain recursive parser finds', () => {
    fc.assert(
      fc.property(body, options, (bytes, limits) => {
        assert.deepEqual(places(frame(bytes, limits)), reference(bytes, limits))
      }),
      run,
    )
  })

  test('so it is for every body of 4 bytes out of 14, whatever is asked for', () => {
    const alphabet = Buffer.from('{}[],:"\\1-.e\n ')
    const limits = { maxEventBytes: 3, maxDepth: 2 }
    const forms = [limits, { ...limits, onBad: 'dead_letter' as const }, { ...limits, arrayIsBatch: true }]
    for (let n = 0; n < alphabet.length ** 4; n++) {
      const bytes = Uint8Array.of(0, 1, 2, 3).map(
        k => alphabet[Math.trunc(n / alphabet.length ** k) % alphabet.length]!,
      )
      for (const form of forms) assert.deepEqual(places(frame(bytes, form)), reference(bytes, form))
    }
  })

  test('values come out as they went in, in order, on one line each', () => {
    const gap = fc.constantFrom(' ', '\n', '\r\n', '\n\n\t')
    fc.assert(
      fc.property(fc.array(fc.tuple(jsonText, gap), { maxLength: 8 }), fc.boolean(), (parts, arrayIsBatch) => {
        const texts = parts.map(([text]) => text)
        const source = arrayIsBatch ? `[${texts.join(',')}]` : parts.flat().join('')
        const { entries, failure } = frame(Buffer.from(source), { arrayIsBatch })
        assert.equal(failure, undefined)
        assert.ok(!entries.some(entry => entry.includes('\n')))
        assert.deepEqual(
          entries.map(entry => JSON.parse(decode(entry))),
          texts.map(text => JSON.parse(text)),
        )
      }),
      run,
    )
  })

  test('every entry is one value to JSON.parse and to SQLite', () => {
    fc.assert(
      fc.property(body, options, (bytes, limits) => {
        const { entries, dead } = frame(bytes, limits)
        const letters = new Set(dead.map(letter => letter.at))
        for (const [k, entry] of entries.entries()) {
          if (letters.has(k)) continue
          const text = decode(entry)
          assert.doesNotThrow(() => JSON.parse(text), text)
          assert.equal(jsonValid.get(text), 1, text)
        }
      }),
      run,
    )
  })

  test('a message is accepted exactly where JSON.parse accepts it', () => {
    fc.assert(
      fc.property(body, bytes => {
        const found = frameMessage(bytes.slice())
        assert.equal('start' in found, isJson(bytes))
      }),
      run,
    )
  })

  test('no entry overlaps another, and framed again each is the same entry', () => {
    fc.assert(
      fc.property(body, options, (bytes, limits) => {
        const outcome = frame(bytes, { ...limits, onBad: 'stop' })
        account(toBinary(bytes), outcome, limits.arrayIsBatch)
        const joined = Buffer.from(outcome.entries.join('\n'), 'latin1')
        const again = frame(joined, { ...limits, arrayIsBatch: false })
        assert.deepEqual(again.entries, outcome.entries)
        assert.equal(again.failure, undefined)
      }),
      run,
    )
  })

  test('with dead letters every byte is in an entry, a line break inside one, or white space between two', () => {
    fc.assert(
      fc.property(body, options, cuts, (bytes, limits, at) => {
        const positions = at.map(([position]) => position % (bytes.length + 1))
        const outcome = frame(bytes, { ...limits, onBad: 'dead_letter', arrayIsBatch: false }, positions)
        const source = toBinary(bytes)
        const end = account(source, outcome)
        assert.match(source.slice(end), /^[ \t\r\n]*$/)
        assert.equal(outcome.failure, undefined)
      }),
      run,
    )
  })
})

/** JSON.parse takes the bytes, but for a byte order mark, which we skip. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return true
  } catch {
    return false
  }
}
