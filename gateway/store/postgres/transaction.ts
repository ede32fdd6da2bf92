import { finished } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { AppendOutcome } from '../store.ts'
import { type Item, nameOf, type PlannedStream, planGroup, type StoredRequest, type StreamRow } from './plan.ts'
import { type Copy, type GroupRows, groupRows } from './rows.ts'
import { escapeNul } from './texts.ts'

/** What a group came to, known before its COMMIT. */
export interface Attempt {
  number: number
  outcomes: (AppendOutcome | undefined)[]
  /** events and records */
  events: number
}

export interface GroupWriter {
  /** names this connection of this gateway in the table `writers` */
  id: string
  promote: readonly string[]
}

/**
 * A group of appends as one transaction. The rows of its streams are locked in the order of their ids, new ones are
 * inserted in the order of their names, and nothing that waits for a row waits for an insert: no two groups can stand in
 * each other's way for ever. Where another gateway makes the same stream first, the group begins anew and finds it.
 *
 * `committing` is called right before COMMIT: from there on its fate is known only by the answer, or by `wasCommitted`.
 */
export async function commitGroup(
  client: pg.Client,
  items: readonly Item[],
  writer: GroupWriter,
  number: number,
  committing: (attempt: Attempt) => void,
): Promise<Attempt> {
  for (;;) {
    await client.query('begin isolation level read committed read write')
    const rows = await lockStreams(client, items)
    const plan = planGroup(items, rows, await storedRequests(client, items, rows))
    if (!(await insertStreams(client, plan.streams))) {
      await client.query('rollback')
      continue
    }
    const stored = groupRows(plan.writes, writer.promote)
    await prepare(client, plan.streams, stored, writer, number)
    for (const copy of stored.copies) await copyIn(client, copy)
    const outcomes = plan.outcomes()
    const attempt: Attempt = { number, outcomes, events: outcomes.reduce((n, o) => n + (o?.ok ? o.accepted : 0), 0) }
    committing(attempt)
    const { command } = await client.query('commit')
    if (command !== 'COMMIT') throw new Error(`the server answered ${command} to COMMIT`)
    return attempt
  }
}

/** Asked on a new connection: did that COMMIT take effect? Waits until the old one, if it still runs, is decided. */
export async function wasCommitted(client: pg.Client, writer: GroupWriter, { number }: Attempt): Promise<boolean> {
  const { rows } = await client.query<{ attempt: number }>(
    `insert into writers (writer, attempt, at) values ($1, 0, ${now})
     on conflict (writer) do update set at = excluded.at returning attempt`,
    [writer.id],
  )
  return rows[0]!.attempt === number
}

const now = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'

/** Tenants, keys and ids of the streams of a group, as parameters. */
function streamsOf(items: readonly Item[]): [string[], string[], number[]] {
  const names = new Map<string, { tenant: string; key: string }>()
  const ids = new Set<number>()
  for (const item of items) {
    if ('request' in item) names.set(nameOf(item.request), item.request)
    else ids.add(item.close.streamId)
  }
  return [[...names.values()].map(n => n.tenant), [...names.values()].map(n => n.key), [...ids]]
}

/** The items whose streams another transaction holds at this moment. */
export async function heldItems(client: pg.Client, items: readonly Item[]): Promise<Set<Item>> {
  const [tenants, keys, ids] = streamsOf(items)
  const { rows } = await client.query<{ stream_id: number; tenant: string; key: string }>(
    `with wanted as materialized (
       select s.stream_id, s.tenant, s.stream_key from unnest($1::text[], $2::text[]) as n (t, k)
       join streams s on s.tenant = n.t and s.stream_key = n.k
       union select s.stream_id, s.tenant, s.stream_key from streams s where s.stream_id = any($3::bigint[])),
     free as materialized (
       select stream_id from streams where stream_id in (select stream_id from wanted) for update skip locked)
     select stream_id, tenant, stream_key as key from wanted where stream_id not in (select stream_id from free)`,
    [tenants, keys, ids],
  )
  const names = new Set(rows.map(nameOf))
  const held = new Set(rows.map(row => row.stream_id))
  return new Set(
    items.filter(item => ('request' in item ? names.has(nameOf(item.request)) : held.has(item.close.streamId))),
  )
}

async function lockStreams(client: pg.Client, items: readonly Item[]): Promise<StreamRow[]> {
  const { rows } = await client.query<StreamRow>({
    name: 'lock',
    text: `select stream_id, tenant, stream_key, epoch, count, last_at, closed_at from streams
      where stream_id in (
        select s.stream_id from unnest($1::text[], $2::text[]) as n (t, k) join streams s on s.tenant = n.t and s.stream_key = n.k
        union all select unnest($3::bigint[]))
      order by stream_id for update`,
    values: streamsOf(items),
  })
  return rows
}

/** Of the places where a request may come again: below the count, where nothing but itself may be. */
async function storedRequests(client: pg.Client, items: readonly Item[], streams: readonly StreamRow[]) {
  const byName = new Map(streams.map(row => [nameOf({ tenant: row.tenant, key: row.stream_key }), row]))
  const asked: [number, number][] = []
  for (const item of items) {
    if (!('request' in item) || item.request.records === undefined || item.request.offset === undefined) continue
    const stream = byName.get(nameOf(item.request))
    if (stream !== undefined && item.request.offset < stream.count) asked.push([stream.stream_id, item.request.offset])
  }
  if (asked.length === 0) return []
  const { rows } = await client.query<StoredRequest>(
    `select r.* from unnest($1::bigint[], $2::bigint[]) as a (id, at)
     join otlp_requests r on r.stream_id = a.id and r.stream_index = a.at`,
    [asked.map(([id]) => id), asked.map(([, at]) => at)],
  )
  return rows
}

/** False where another transaction made one of them meanwhile. */
async function insertStreams(client: pg.Client, streams: readonly PlannedStream[]): Promise<boolean> {
  const made = streams.filter(stream => stream.opening !== undefined)
  if (made.length === 0) return true
  const column = <T>(of: (stream: PlannedStream) => T) => made.map(of)
  const { rows } = await client.query<{ stream_id: number; tenant: string; stream_key: string }>({
    name: 'open',
    text: `insert into streams (tenant, stream_key, transport, headers, remote_addr, epoch, count, opened_at, last_at, closed_at)
      select t, k, transport, headers::json, addr, epoch, count, opened, last, closed
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[]) as n (t, k, transport, headers, addr, epoch, count, opened, last, closed)
      order by t collate "C", k collate "C"
      on conflict do nothing returning stream_id, tenant, stream_key`,
    values: [
      column(s => s.tenant),
      column(s => s.stream_key),
      column(s => s.opening!.by.transport),
      column(s => s.opening!.by.headers),
      column(s => s.opening!.by.remoteAddr),
      column(s => s.epoch),
      column(s => s.count),
      column(s => s.opening!.at),
      column(s => s.last_at),
      column(s => s.closed_at),
    ],
  })
  const ids = new Map(rows.map(row => [nameOf({ tenant: row.tenant, key: row.stream_key }), row.stream_id]))
  for (const stream of made) stream.stream_id = ids.get(nameOf({ tenant: stream.tenant, key: stream.stream_key })) ?? 0
  return rows.length === made.length
}

/** All that can be said in one statement: the streams as they will be, this attempt, its place among the ids. */
async function prepare(
  client: pg.Client,
  streams: readonly PlannedStream[],
  { copies, dead, requests }: GroupRows,
  writer: GroupWriter,
  number: number,
): Promise<void> {
  const moved = streams.filter(stream => stream.changed && stream.opening === undefined)
  await client.query({
    name: 'prepare',
    text: `with moved as (
        update streams s set epoch = n.epoch, count = n.count, last_at = n.last, closed_at = n.closed
        from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) as n (id, epoch, count, last, closed)
        where s.stream_id = n.id),
      tried as (
        insert into writers (writer, attempt, at) values ($6, $7, ${now})
        on conflict (writer) do update set attempt = excluded.attempt, at = excluded.at)
      select take_place(t) from unnest($8::text[]) as t`,
    values: [
      moved.map(s => s.stream_id),
      moved.map(s => s.epoch),
      moved.map(s => s.count),
      moved.map(s => s.last_at),
      moved.map(s => s.closed_at),
      writer.id,
      number,
      copies.map(copy => copy.table),
    ],
  })
  if (dead.length > 0)
    await client.query(
      `insert into dead_letters (stream_id, stream_index, received_at, code, message, size, raw, kind)
       select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::text[])`,
      [
        dead.map(d => d.streamId),
        dead.map(d => d.index),
        dead.map(d => d.at),
        dead.map(d => d.code),
        dead.map(d => escapeNul(d.message)),
        dead.map(d => d.size),
        dead.map(d => Buffer.from(d.raw.buffer, d.raw.byteOffset, d.raw.length)),
        dead.map(d => d.kind),
      ],
    )
  if (requests.length > 0)
    await client.query(
      `insert into otlp_requests (stream_id, stream_index, positions, digest)
       select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])`,
      [
        requests.map(r => r.streamId),
        requests.map(r => r.index),
        requests.map(r => r.positions),
        requests.map(r => Buffer.from(r.digest)),
      ],
    )
}

async function copyIn(client: pg.Client, { table, columns, data }: Copy): Promise<void> {
  const stream = client.query(copyFrom(`copy ${table} (${columns}) from stdin binary`))
  const done = finished(stream)
  stream.end(data)
  await done
}
