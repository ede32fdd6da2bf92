import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fixtures, hasFixtures } from '../../../test/support/fixtures.ts'
import { decodeOtlp } from '../protobuf/decode.ts'
import type { Signal } from '../records.ts'
import { rowsOf } from '../rows.ts'
import { createOtapDecoder } from './decoder.ts'

// made by the reference producer in Rust; see the README there
const read = (name: string) => new Uint8Array(readFileSync(`${fixtures}/otap/${name}`))
const rows = (signal: Signal, body: Uint8Array) => rowsOf(decodeOtlp(signal, body))

const signals: Signal[] = ['logs', 'traces', 'metrics']
for (const signal of hasFixtures ? signals : [])
  test(`the ${signal} fixture gives the rows of its OTLP twin`, () => {
    const { batchId, body } = createOtapDecoder(signal).decode(read(`${signal}-initial.bar`))
    assert.equal(batchId, 0n)
    const twin = rows(signal, read(`${signal}-initial.otlp`))
    assert.ok(twin.length > 0)
    assert.deepEqual(rows(signal, body), twin)
  })

if (hasFixtures)
  test('a later message of the logs fixture needs the first, and has rows of its own', () => {
    const decoder = createOtapDecoder('logs')
    decoder.decode(read('logs-initial.bar'))
    const { batchId, body } = decoder.decode(read('logs-reuse.bar'))
    const events = rows('logs', body).map(({ row }) => row.event_name)
    assert.deepEqual([batchId, events], [1n, ['second-event', 'second-event', null]])
    assert.throws(() => createOtapDecoder('logs').decode(read('logs-reuse.bar')), {
      code: 'bad_request',
      message: 'OTAP message 1: payload RESOURCE_ATTRS: the stream does not begin with a schema',
    })
  })
