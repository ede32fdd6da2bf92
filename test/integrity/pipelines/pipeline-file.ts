/** The pipelines that are put under faults, as the text of their files. Paths are relative to the folder of a run. */

const source = `
sources:
  caught:
    type: events
    store: sqlite:./events.db
    columns: event_id, stream_key, stream_index, payload
transforms:
  fields:
    type: sql
    primary_key: event_id
    sql: |
      SELECT event_id, stream_key AS lane, stream_index AS place,
        CAST(json_extract(payload, '$.n') AS BIGINT) AS n,
        length(json_extract_string(payload, '$.pad')) AS pad,
        CAST(json_extract(payload, '$.n') AS BIGINT) % 5 AS part
      FROM caught
`

/** Into a table of all rows, one of the newest of each group, and the totals of each group. */
export const intoTables = `${source}
sinks:
  rows: { type: sqlite, from: fields, path: ./out.db, table: rows, primary_key: event_id }
  newest: { type: sqlite, from: fields, path: ./out.db, table: newest, primary_key: "lane, part" }
  totals:
    type: sqlite_aggregate
    from: fields
    path: ./out.db
    landing_table: landing
    agg_table: totals
    primary_key: event_id
    group_by: { lane: { type: text }, part: { type: int8 } }
    aggregate:
      events: { fn: count }
      total: { from: n, fn: sum }
      least: { from: n, fn: min }
      most: { from: n, fn: max }
`

const lake = `\
  lake:
    type: parquet
    from: fields
    path: ./lake
    partition_by: [part]
    rows_per_file: 1000
`

/** Beside these into Parquet files. */
export const intoLake = `${intoTables}${lake}`

/** To a service that keeps what it is sent by the key of the request. */
export const toService = (url: string): string => `${source}
sinks:
  service: { type: webhook, from: fields, url: ${JSON.stringify(url)}, batch_size: 50 }
`
