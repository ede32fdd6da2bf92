import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../core/errors.ts'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import type { DeadRecord, Records, Signal } from '../../core/otlp/records.ts'
import { rowsOf } from '../../core/otlp/rows.ts'
import { otlpTables } from '../../core/otlp/tables.ts'
import { otlpRequest } from './otlp.arbitrary.ts'
import { reference } from './otlp.reference.ts'

/** generated requests for each property */
const numRuns = Number(process.env.MILLRACE_FUZZ_RUNS ?? 300)
const seed = Number(process.env.MILLRACE_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31))
const run = { numRuns, seed }
const signals: Signal[] = ['logs', 'traces', 'metrics']
const promote = ['host', 'a']

describe(`decoding generated OTLP requests (reproduce with MILLRACE_FUZZ_RUNS=${numRuns} MILLRACE_FUZZ_SEED=${seed})`, () => {
  for (const signal of signals)
    test(`${signal}: the rows are those that a generated decoder gives, whatever the order of the fields`, () => {
      fc.assert(
        fc.property(otlpRequest(signal), body => {
          const records = decodeOtlp(signal, body, { promote })
          const { count, rows, dead } = reference(signal, body, promote)
          assert.equal(records.count, count)
          assert.deepEqual(
            records.dead.map(({ at }) => at),
            dead,
          )
          assert.deepEqual(rowsOf(records, promote), rows)
        }),
        run,
      )
    })

  for (const signal of signals)
    test(`${signal}: damaged requests are bad, or have each position once, as a row or a dead letter`, () => {
      fc.assert(
        fc.property(otlpRequest(signal), damage, fc.array(fc.nat({ max: 8 })), (whole, edits, before) => {
          const body = damaged(whole, edits)
          const records = decode(signal, body)
          if (!records) return
          check(records, records.count)
          // the same again, with some positions taken by records that were refused before
          const taken = [...new Set(before)].sort((a, b) => a - b).filter((at, k) => at <= records.count + k)
          const refused = taken.map(at => ({ ...dead, at }))
          check(decodeOtlp(signal, body, { refused }), records.count + taken.length)
        }),
        run,
      )
    })
})

const dead: DeadRecord = { at: 0, code: 'bad_record', message: 'refused before', size: 0, raw: new Uint8Array(0) }

function decode(signal: Signal, body: Uint8Array): Records | undefined {
  try {
    return decodeOtlp(signal, body, { maxMemory: 64 * 1024 * 1024 })
  } catch (error) {
    assert.ok(error instanceof AppError && ['bad_request', 'body_too_large'].includes(error.code), String(error))
    return undefined
  }
}

function check(records: Records, count: number): void {
  const rows = rowsOf(records)
  const positions = [...rows, ...records.dead].map(({ at }) => at).sort((a, b) => a - b)
  assert.deepEqual(
    positions,
    Array.from({ length: count }, (_, at) => at),
  )
  assert.equal(records.count, count)
  assert.deepEqual(
    records.dead.map(({ at }) => at),
    records.dead.map(({ at }) => at).sort((a, b) => a - b),
  )
  for (const { table, row } of rows)
    for (const [name, kind] of otlpTables[table])
      if (kind === 'json' && row[name] !== null) JSON.parse(String(row[name]))
}

/** Bytes to overwrite, to put in, to take out, and where; a cut at the end. */
const damage = fc.array(
  fc.record({
    kind: fc.constantFrom('set', 'flip', 'insert', 'remove', 'cut'),
    at: fc.nat({ max: 5000 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 3 },
)
type Edits = { kind: string; at: number; bytes: Uint8Array }[]

function damaged(whole: Uint8Array, edits: Edits): Uint8Array {
  return edits.reduce((body, { kind, at: place, bytes }) => {
    const at = place % (body.length + 1)
    const [head, tail] = [body.subarray(0, at), body.subarray(at)]
    if (kind === 'cut') return head
    if (kind === 'insert') return Buffer.concat([head, bytes, tail])
    if (kind === 'remove') return Buffer.concat([head, tail.subarray(bytes.length)])
    const changed = kind === 'set' ? bytes : tail.slice(0, 1).map(byte => byte ^ (1 << (bytes[0]! & 7)))
    return Buffer.concat([head, changed, tail.subarray(changed.length)])
  }, whole)
}
