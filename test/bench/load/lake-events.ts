import { eventBytes, seeded } from './events.ts'

/** Events of ten days, as a gateway caught them and as a lake has them: what `compact` and `pipeline-checkpoints` read. */

export const lakeDays = 10
const start = Date.UTC(2026, 0, 1)

const levels = ['debug', 'info', 'info', 'info', 'warn', 'error']
const services = ['checkout', 'search', 'cart', 'billing', 'auth', 'mail']

/** JSON texts of `eventBytes` ASCII characters each, in the order of their times, which are spread evenly. */
export function* lakeEvents(rows: number): Generator<string> {
  const random = seeded(1)
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)]!
  for (let row = 0; row < rows; row++) {
    const at = new Date(start + Math.floor((row * lakeDays * 86_400_000) / rows)).toISOString()
    const head =
      `{"seq":${100_000_000 + row},"at":"${at}","level":"${pick(levels)}","service":"${pick(services)}",` +
      `"ms":${(random() * 900).toFixed(2)},"trace":"`
    let trace = ''
    while (head.length + trace.length + 2 < eventBytes) trace += Math.floor(random() * 0x1_0000_0000).toString(16)
    yield `${head}${trace.slice(0, eventBytes - head.length - 2)}"}`
  }
}

/** columns of the lake, with the types that both sides give them */
export const lakeColumns = ['seq', 'at', 'level', 'service', 'ms', 'trace', 'day']

/** From the payload of the gateway's events: a function for each member, as one writes it. */
export const lakeSql = `
  select cast(json_extract(payload, '$.seq') as bigint) as seq,
    cast(json_extract_string(payload, '$.at') as timestamp) as "at",
    json_extract_string(payload, '$.level') as level,
    json_extract_string(payload, '$.service') as service,
    cast(json_extract(payload, '$.ms') as double) as ms,
    json_extract_string(payload, '$.trace') as trace,
    cast(json_extract_string(payload, '$.at') as date) as day
  from caught`

/** The same with one function for all, which reads each payload once. */
export const lakeOnceSql = `
  select e.seq as seq, e."at" as "at", e.level as level, e.service as service, e.ms as ms, e.trace as trace,
    cast(e."at" as date) as day
  from (
    select json_transform_strict(payload, '{"seq":"BIGINT","at":"TIMESTAMP","level":"VARCHAR","service":"VARCHAR",
      "ms":"DOUBLE","trace":"VARCHAR"}') as e
    from caught
  ) as lines`

/** One of them as a pipeline. */
export const lakePipeline = (store: string, sql: string, sink: object) => ({
  sources: { caught: { type: 'events', store: `sqlite:${store}`, columns: 'payload' } },
  transforms: { lines: { type: 'sql', primary_key: 'seq', sql } },
  sinks: { out: { ...sink, from: 'lines' } },
})

/** From the same events as NDJSON; DuckDB itself reads their members. */
export const lakeReferenceSql = (ndjson: string): string => `
  select seq, "at", level, service, ms, trace, cast("at" as date) as day
  from read_json('${ndjson}', format = 'newline_delimited', columns = {
    seq: 'BIGINT', "at": 'TIMESTAMP', level: 'VARCHAR', service: 'VARCHAR', ms: 'DOUBLE', trace: 'VARCHAR' })`
