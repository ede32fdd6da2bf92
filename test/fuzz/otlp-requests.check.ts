import assert from 'node:assert/strict'
import { AppError } from '../../core/errors.ts'
import { jsonToOtlp, ndjsonToOtlp } from '../../core/otlp/json/json.ts'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import type { Records, Signal } from '../../core/otlp/records.ts'
import { rowsOf } from '../../core/otlp/rows.ts'
import { otlpTables } from '../../core/otlp/tables.ts'

export type Format = 'protobuf' | 'json' | 'ndjson'

/** bytes that the rows of one request may take; a damaged one that asks for more is refused */
const maxMemory = 64 * 1024 * 1024

/** What a gateway makes of the body: its rows, or the error that refuses it, which must be the sender's. */
export function decodeBody(signal: Signal, format: Format, body: Uint8Array): Records | AppError {
  let otlp: ReturnType<typeof jsonToOtlp>
  try {
    if (format === 'protobuf') return decodeOtlp(signal, body, { maxMemory })
    otlp = format === 'json' ? jsonToOtlp(signal, body) : ndjsonToOtlp(signal, body)
  } catch (error) {
    return refusal(error, 'bad_request', 'body_too_large')
  }
  try {
    return decodeOtlp(signal, otlp.body, { maxMemory, refused: otlp.refused })
  } catch (error) {
    // what we wrote ourselves cannot be broken
    return refusal(error, 'body_too_large')
  }
}

function refusal(error: unknown, ...codes: string[]): AppError {
  if (!(error instanceof AppError) || !codes.includes(error.code)) throw error
  assert.ok(error.message.length > 0 && error.message.length < 2000, `a message of ${error.message.length} characters`)
  return error
}

/** Each position is there once, as a row or a dead letter with its reason, and what is to be JSON is. */
export function checkRecords(records: Records): void {
  const rows = rowsOf(records)
  const positions = [...rows, ...records.dead].map(({ at }) => at).sort((a, b) => a - b)
  assert.deepEqual(
    positions,
    Array.from({ length: records.count }, (_, at) => at),
  )
  for (const { code, message, raw, size } of records.dead) {
    assert.equal(code, 'bad_record')
    assert.ok(message.length > 0)
    assert.ok(raw.length <= size)
  }
  for (const { table, row } of rows)
    for (const [name, kind] of otlpTables[table])
      if (kind === 'json' && row[name] !== null) JSON.parse(String(row[name]))
}
