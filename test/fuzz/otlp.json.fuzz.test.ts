import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../core/errors.ts'
import { bytesOf, outcomeOf } from '../../core/otlp/json/json.suite.ts'
import { type Converted, jsonToOtlp, ndjsonToOtlp } from '../../core/otlp/json/json.ts'
import type { Signal } from '../../core/otlp/records.ts'
import { requestType } from '../support/otlp.ts'
import { otlpRequest } from './otlp.arbitrary.ts'
import { choices, render } from './otlp.json.render.ts'
import { reference } from './otlp.reference.ts'

/** generated requests for each property */
const numRuns = Number(process.env.MILLRACE_FUZZ_RUNS ?? 300)
const seed = Number(process.env.MILLRACE_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31))
// shrinking such requests takes minutes
const run = { numRuns, seed, endOnFailure: true }
const signals: Signal[] = ['logs', 'traces', 'metrics']

describe(`generated requests in JSON (reproduce with MILLRACE_FUZZ_RUNS=${numRuns} MILLRACE_FUZZ_SEED=${seed})`, () => {
  for (const signal of signals)
    test(`${signal}: they give the rows of the same request in protobuf, read by a generated decoder`, () => {
      const type = requestType(signal)
      fc.assert(
        fc.property(otlpRequest(signal), choices, (request, choose) => {
          const text = render(type, type.decode(request), choose)
          const { count, rows, dead } = outcomeOf(signal, jsonToOtlp(signal, bytesOf(text)))
          const expected = reference(signal, request)
          assert.deepEqual(
            dead.map(({ at }) => at),
            expected.dead,
          )
          assert.equal(count, expected.count)
          assert.deepEqual(rows, expected.rows)
          for (const { raw } of dead) assert.ok(text.includes(raw), 'a dead letter has the text that was sent')
        }),
        run,
      )
    })

  for (const signal of signals)
    test(`${signal}: damaged ones are bad, or have each position once, as a row or a dead letter`, () => {
      const type = requestType(signal)
      fc.assert(
        fc.property(otlpRequest(signal), choices, damage, fc.boolean(), (request, choose, edits, lines) => {
          const body = damaged(bytesOf(render(type, type.decode(request), choose)), edits)
          const converted = attempt(() => (lines ? ndjsonToOtlp : jsonToOtlp)(signal, body))
          if (!converted) return
          const { count, rows, dead } = outcomeOf(signal, converted)
          const positions = [...rows, ...dead].map(({ at }) => at).sort((a, b) => a - b)
          assert.deepEqual(
            positions,
            Array.from({ length: count }, (_, at) => at),
          )
        }),
        run,
      )
    })
})

function attempt(convert: () => Converted): Converted | undefined {
  try {
    return convert()
  } catch (error) {
    if (error instanceof AppError && (error.code === 'bad_request' || error.code === 'body_too_large')) return undefined
    throw error
  }
}

/** What stands in for some bytes, and where. */
const pieces = ['{', '}', '[', ']', ',', ':', '"', '\\', '-', '.', '\n', 'null', '5', '1e9', '{"a":1}', '[]', '\u00ff']
const damage = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(...pieces), fc.constant('')), fc.nat({ max: 3 })), {
  minLength: 1,
  maxLength: 4,
})

function damaged(body: Uint8Array, edits: [number, string, number][]): Uint8Array {
  return edits.reduce((bytes, [place, piece, gone]) => {
    const at = place % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(piece, 'latin1'), bytes.subarray(at + gone)])
  }, body)
}
