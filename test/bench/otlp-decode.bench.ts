/**
 * Decoding an OTLP request of 1,000 records into `Records`, against protobufjs that only decodes it into objects, and
 * against the plain way from there to the same `Records` (test/fuzz/otlp.reference.ts).
 *
 * Each side runs in processes of its own, in alternating order; a round is the median of its passes, a result the
 * median of its rounds. The ratios are records/s of ours ÷ those of the other side.
 */
import { execFileSync } from 'node:child_process'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import { cell, type Records, type Signal } from '../../core/otlp/records.ts'
import type { OtlpRow } from '../../core/otlp/rows.ts'
import { otlpTables } from '../../core/otlp/tables.ts'
import { reference } from '../fuzz/otlp.reference.ts'
import { requestType } from '../support/otlp.ts'
import { median, toLine } from './harness/benchmark.ts'
import { otlpRequest } from './load/otlp.ts'

const records = 1000
const rounds = 3
const passes = 100
const signals: Signal[] = ['logs', 'traces', 'metrics']

const sides = {
  ours: (signal: Signal, body: Uint8Array) => decodeOtlp(signal, body),
  objects: (signal: Signal, body: Uint8Array) => requestType(signal).decode(body),
  plain: (signal: Signal, body: Uint8Array) => recordsOf(reference(signal, body)),
}
type Side = keyof typeof sides
const names = Object.keys(sides) as Side[]

const side = names.find(name => name === process.argv[2])
if (side) console.log(measure(sides[side], process.argv[3] as Signal))
else for (const signal of signals) compare(signal)

function compare(signal: Signal): void {
  const load_before = loadavg()[0]
  const raw: Record<Side, number[]> = { ours: [], objects: [], plain: [] }
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? names : names.toReversed())
      raw[name].push(
        Number(execFileSync(process.execPath, [fileURLToPath(import.meta.url), name, signal], { encoding: 'utf8' })),
      )
  const [ours, objects, plain] = names.map(name => median(raw[name])) as [number, number, number]
  const bytes = otlpRequest(signal, records, 1).length / records
  console.log(
    toLine({
      bench: `otlp-decode ${signal}`,
      unit: 'records/s',
      ...{ ours, objects, plain, ratio: ours / plain, ratio_to_objects: ours / objects },
      ...{ bytes_per_record: bytes, mb_per_s: (ours * bytes) / 1e6, raw, node: process.version, load_before },
    }),
  )
}

/** Records per second of the median pass, after half as many that count for nothing: compilers settle. */
function measure(decode: (signal: Signal, body: Uint8Array) => unknown, signal: Signal): number {
  const body = otlpRequest(signal, records, 1)
  const times: number[] = []
  for (let n = -passes / 2; n < passes; n++) {
    const start = performance.now()
    decode(signal, body)
    if (n >= 0) times.push(performance.now() - start)
  }
  return (records / median(times)) * 1000
}

/** Rows as cells and a pool, in the plainest way. */
function recordsOf({ count, rows }: { count: number; rows: readonly OtlpRow[] }): Records {
  const texts = new Map<string, number>()
  const parts: Uint8Array[] = []
  const spans: number[] = []
  let length = 0
  const textIndex = (text: string) => {
    const known = texts.get(text)
    if (known !== undefined) return known
    const bytes = new TextEncoder().encode(text)
    parts.push(bytes)
    spans.push(length, (length += bytes.length))
    texts.set(text, texts.size)
    return texts.size - 1
  }
  const tables = [...Map.groupBy(rows, ({ table }) => table)].map(([table, list]) => {
    const width = otlpTables[table].length
    const kinds = new Uint8Array(list.length * width)
    const view = new DataView(new ArrayBuffer(8 * kinds.length))
    list.forEach(({ row }, r) => {
      Object.values(row).forEach((value, c) => {
        const k = r * width + c
        if (value === null) return
        kinds[k] = typeof value === 'string' ? cell.text : typeof value === 'bigint' ? cell.u64 : cell.real
        if (typeof value === 'bigint') view.setBigUint64(8 * k, value, true)
        else view.setFloat64(8 * k, typeof value === 'string' ? textIndex(value) : value, true)
      })
    })
    const at = Uint32Array.from(list, row => row.at)
    return { table, rows: list.length, width, at, kinds, cells: view.buffer as ArrayBuffer }
  })
  const pool = new Uint8Array(length)
  parts.forEach((part, k) => {
    pool.set(part, spans[2 * k])
  })
  return { count, tables, pool, poolSpans: Uint32Array.from(spans), dead: [] }
}
