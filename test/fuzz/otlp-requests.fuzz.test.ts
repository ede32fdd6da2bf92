import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { createOtapDecoder } from '../../core/otlp/otap/decoder.ts'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import type { Signal } from '../../core/otlp/records.ts'
import { rowsOf } from '../../core/otlp/rows.ts'
import { seeded } from '../bench/load/events.ts'
import { createMessages } from '../integrity/kill/otlp/messages.ts'
import { checkRecords, decodeBody, type Format } from './otlp-requests.check.ts'
import { corpusOf, signals } from './otlp-requests.corpus.ts'
import { damaged, pick, type Random } from './otlp-requests.damage.ts'
import { damagedJson, damagedLines } from './otlp-requests.json.ts'

/** Damaged requests against the decoders, in process. One case has one number, so that it can be run alone. */

const runs = Number(process.env.MILLRACE_FUZZ_RUNS ?? 500)
const seed = Number(process.env.MILLRACE_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 20))
/** run this case alone */
const only = process.env.MILLRACE_FUZZ_CASE === undefined ? undefined : Number(process.env.MILLRACE_FUZZ_CASE)
/** of this process, whatever the input is; a decoder that trusts an announced length is far above it */
const mostMegabytes = 1500

/** Runs `one` for each case, and names the one that failed. */
function cases(one: (rnd: Random) => 'taken' | 'refused'): string {
  const tally = { taken: 0, refused: 0, slowest: 0, slowestCase: 0 }
  for (let k = only ?? 0; k < (only === undefined ? runs : only + 1); k++) {
    const from = performance.now()
    try {
      tally[one(seeded(seed * 1_000_003 + k))]++
    } catch (error) {
      throw new Error(`case ${k}: MILLRACE_FUZZ_SEED=${seed} MILLRACE_FUZZ_CASE=${k}`, { cause: error })
    }
    const ms = performance.now() - from
    if (ms > tally.slowest) Object.assign(tally, { slowest: Math.ceil(ms), slowestCase: k })
  }
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024)
  assert.ok(megabytes < mostMegabytes, `the process took ${megabytes} MB`)
  return JSON.stringify({ ...tally, megabytes })
}

function rowsIn(signal: Signal, format: Format, body: Uint8Array) {
  const records = decodeBody(signal, format, body)
  if (records instanceof AppError) throw records
  return { rows: rowsOf(records), dead: records.dead.map(({ at }) => at) }
}

describe(`damaged OpenTelemetry requests (MILLRACE_FUZZ_RUNS=${runs} MILLRACE_FUZZ_SEED=${seed})`, () => {
  for (const signal of signals) {
    const { protobuf, json } = corpusOf(signal, seed)
    const bodies: Record<Format, (rnd: Random) => Uint8Array> = {
      protobuf: rnd => damaged(pick(rnd, protobuf), rnd, pick(rnd, protobuf)),
      json: rnd => damagedJson(pick(rnd, json), rnd, pick(rnd, json)),
      ndjson: rnd => damagedLines(json, rnd),
    }
    for (const [format, body] of Object.entries(bodies) as [Format, (rnd: Random) => Uint8Array][])
      test(`${signal} in ${format} are rows and dead letters, or are refused`, t => {
        const told = cases(rnd => {
          const records = decodeBody(signal, format, body(rnd))
          if (records instanceof AppError) return 'refused'
          checkRecords(records)
          return 'taken'
        })
        t.diagnostic(told)
      })

    test(`${signal} in JSON and in protobuf are the same rows`, () => {
      for (let corpus = seed; corpus < seed + Math.max(1, runs / 200); corpus++) {
        const { protobuf, json } = corpusOf(signal, corpus)
        for (const [k, body] of protobuf.entries()) {
          const [ours, theirs] = [rowsIn(signal, 'json', Buffer.from(json[k]!)), rowsIn(signal, 'protobuf', body)]
          assert.deepEqual(ours, theirs, `MILLRACE_FUZZ_SEED=${corpus}, request ${k}`)
        }
      }
    })

    if (signal === 'metrics') continue
    test(`${signal} in OTAP are rows and dead letters, or end their stream`, t => {
      const message = createMessages(`${signal}-fuzz`, null)
      const whole = [0, 1, 2].map(message)
      const told = cases(rnd => {
        const decoder = createOtapDecoder(signal)
        const at = Math.floor(rnd() * 3)
        try {
          for (const [k, bytes] of whole.entries()) {
            const { body } = decoder.decode(k === at ? damaged(bytes, rnd, pick(rnd, whole)) : bytes)
            checkRecords(decodeOtlp(signal, body))
          }
          return 'taken'
        } catch (error) {
          if (!(error instanceof AppError) || !['bad_request', 'body_too_large'].includes(error.code)) throw error
          return 'refused'
        }
      })
      t.diagnostic(told)
    })
  }
})
