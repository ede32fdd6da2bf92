import type { DuckDb } from '../../drivers/duckdb/duckdb.ts'
import { groupRows, orderSql } from '../../drivers/lake/copy.ts'
import { below, partitionFolder } from '../../drivers/lake/layout.ts'
import { type Place, stageName } from '../../drivers/lake/publish.ts'
import { createStageWriter } from '../../drivers/lake/writer.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import type { DeadRow } from '../../runtime/contract.ts'
import { writeChunk } from './chunk.ts'
import { type Draft, dropChunks, folderOf, keyOf } from './draft.ts'
import type { ParquetConfig } from './parquet.ts'
import type { Partition } from './partition.ts'
import { createPerformer, keepsPieces } from './perform.ts'
import { type Limits, type Move, movesOf, type Standing } from './policy.ts'
import type { Pool } from './pool.ts'
import { bulkSql, inBulk, sharedRows, type Values, wantedSql } from './select.ts'

/** Partitions above which their rows are gathered side by side before each is written. */
const few = 16
/** of a gathering: bytes in memory, and partitions */
const bulkBytes = 256 * 1024 * 1024
const bulkPartitions = 2000
/** Until a file tells: bytes of a file for each byte in memory. */
const usualRatio = 0.25

export interface StageOptions {
  config: ParquetConfig
  partitions: readonly Partition[]
  /** connections to the pool's database: so many files are written at once, the first one does all else */
  sessions: readonly [DuckDb, ...DuckDb[]]
  pool: Pool
  place: Place
  dead(row: DeadRow): void
}

export interface Stage {
  /**
   * Writes the pool's rows to staged files of the draft, durably, and seals what is to be sealed; from `until` on
   * (performance.now) nothing more is. `all`: whatever is open is sealed. Ends with an error once `signal` aborts.
   */
  run(draft: Draft, options: RunOptions): Promise<void>
}

interface RunOptions {
  all: boolean
  until: number
  signal?: AbortSignal
}

export function createStage(options: StageOptions): Stage {
  const { config, partitions, sessions, pool, place, dead } = options
  const [db] = sessions
  const levels = partitions.length
  const pathOf = (file: string) => place.files.local(below(place.folder, file))
  const limits: Limits = {
    rowsPerFile: config.rows_per_file ?? Number.POSITIVE_INFINITY,
    targetSize: config.target_file_size,
    maxAge: config.max_age,
    maxOpen: config.max_open_partitions,
  }
  const fetchFiles = (list: readonly string[]) => place.files.fetch(list.map(file => below(place.folder, file)))
  let ratio = usualRatio

  async function run(draft: Draft, { all, until, signal }: RunOptions): Promise<void> {
    const writer = createStageWriter(place.files, place.folder, stageName(draft.fence))
    const standings = await standingsOf(draft)
    const columns = config.write_partition_columns
      ? pool.columns
      : pool.columns.filter(({ name }) => !partitions.some(({ column }) => column === name))
    const order = orderSql(config.sort_by.filter(({ name }) => columns.some(column => column.name === name)))
    const performers = sessions.map(db =>
      createPerformer({
        db,
        draft,
        partitions,
        columns,
        order,
        pathOf,
        write: (select, { rows, memory }, name) => {
          const copy = {
            compression: config.compression,
            level: config.compression_level,
            groupRows: config.row_group_size ?? groupRows(memory / rows),
          }
          return writer.write({ db, select, rows, name, copy })
        },
        learn(fileBytes, memoryBytes) {
          // small files are mostly footer
          if (memoryBytes > 64 * 1024) ratio = fileBytes / memoryBytes
        },
      }),
    )

    const taken = new Set<string>()
    for await (const group of groupsOfSources(draft, movesOf(standings, limits, { ratio, now: Date.now(), all }))) {
      const isDue = () => performance.now() <= until && signal?.aborted !== true
      await eachOf(group, performers, isDue, async ({ move, shared }, perform) => {
        await perform(move, shared)
        if (move.standing.freshRows > 0) taken.add(move.standing.key)
      })
      signal?.throwIfAborted()
      if (!isDue()) break
    }
    signal?.throwIfAborted()
    await writeChunk(
      { db, draft, levels, ratio, pathOf, fetchFiles, writer, rowBytes: rowBytes(standings) },
      standings,
      taken,
    )
    await writer.settle()
    dropChunks(draft)
    await pool.clear()
  }

  async function standingsOf(draft: Draft): Promise<Standing[]> {
    const standings = new Map<string, Standing>()
    for (const [key, open] of draft.open)
      standings.set(key, { key, values: open.values, open, freshRows: 0, freshBytes: 0 })
    for (const { values, rows } of await pool.counts()) {
      if (folderOf(partitions, values) === undefined) {
        await bury(values)
        continue
      }
      const key = keyOf(values)
      const freshBytes = (pool.bytes * rows) / pool.rows
      standings.set(key, { key, values, open: draft.open.get(key), freshRows: rows, freshBytes })
    }
    return [...standings.values()]
  }

  /** Rows that no folder can be named after become dead letters. */
  async function bury(values: Values): Promise<void> {
    const batch = await pool.extract(values)
    const at = partitions.findIndex(({ name }, level) => partitionFolder(name, values[level]!) === undefined)
    const { name } = partitions[at]!
    const message = `partition ${name}: ${JSON.stringify(values[at]!.slice(0, 40))}… is too long for the name of a folder, which has 255 bytes at most`
    for (const row of batch === undefined ? [] : rowsOf(batch)) dead({ code: 'bad_row', message, row })
  }

  /** Moves with SELECTs of their rows in pool and chunks, in groups. The rows of many partitions are gathered first. */
  async function* groupsOfSources(draft: Draft, moves: readonly Move[]): AsyncGenerator<MoveSource[]> {
    for (const group of groupsOf(moves)) {
      const sharing = group.filter(isSharing)
      const isBulk = sharing.length > few
      await fetchSources(draft, group)
      if (isBulk) {
        const wanted = sharing.map(move => ({ values: move.standing.values, chunk: chunkOf(move) }))
        const first = Math.min(...wanted.map(({ chunk }) => chunk ?? Number.POSITIVE_INFINITY))
        await db.run(wantedSql('wanted', wanted, levels))
        await db.run(
          bulkSql(
            draft.chunks.filter(({ seq }) => seq >= first),
            pathOf,
            levels,
          ),
        )
      }
      const places = new Map(sharing.map((move, n) => [move, n]))
      yield group.map(move => {
        const n = isBulk ? places.get(move) : undefined
        const first = chunkOf(move) ?? Number.POSITIVE_INFINITY
        const chunks = draft.chunks.filter(({ seq }) => seq >= first).map(({ file }) => pathOf(file))
        const { values, freshRows } = move.standing
        return { move, shared: n === undefined ? sharedRows(values, chunks, freshRows > 0) : inBulk(n) }
      })
      if (isBulk) await db.run('drop table bulk')
    }
  }

  /** What a group of moves reads. */
  async function fetchSources(draft: Draft, group: readonly Move[]): Promise<void> {
    const first = Math.min(...group.map(move => chunkOf(move) ?? Number.POSITIVE_INFINITY))
    const merged = group.filter(move => move.do === 'seal' && !keepsPieces(move, isSharing(move)))
    await fetchFiles([
      ...draft.chunks.filter(({ seq }) => seq >= first).map(({ file }) => file),
      ...merged.flatMap(({ standing: { open } }) => open?.pieces.map(({ file }) => file) ?? []),
    ])
  }

  return { run }
}

interface MoveSource {
  move: Move
  shared: string[]
}

/**
 * Gives the items to workers, one at a time each, as long as `isDue`. Rejects with the first error once all workers have
 * ended: nobody goes on writing afterwards.
 */
async function eachOf<T, W>(
  items: Iterable<T>,
  workers: readonly W[],
  isDue: () => boolean,
  work: (item: T, worker: W) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]()
  const errors: unknown[] = []
  async function take(worker: W): Promise<void> {
    while (errors.length === 0 && isDue()) {
      const next = left.next()
      if (next.done) return
      await work(next.value, worker)
    }
  }
  await Promise.all(workers.map(worker => take(worker).catch(error => errors.push(error))))
  if (errors.length > 0) throw errors[0]
}

/** Bytes of a row in memory, in the partition with the largest ones. */
const rowBytes = (standings: readonly Standing[]): number =>
  standings.reduce((most, { open, freshRows, freshBytes }) => {
    const rows = (open?.rows ?? 0) + freshRows
    return Math.max(most, ((open?.memory ?? 0) + freshBytes) / rows)
  }, 1)

/** The chunk from which on a move takes rows. */
const chunkOf = ({ do: what, standing }: Move): number | undefined =>
  what === 'seal' ? standing.open?.chunk : undefined

/** Whether it takes rows of pool and chunks. */
const isSharing = (move: Move): boolean => move.standing.freshRows > 0 || chunkOf(move) !== undefined

/** Moves that fit into memory together, in order. */
function* groupsOf(moves: readonly Move[]): Generator<Move[]> {
  let group: Move[] = []
  let size = 0
  for (const move of moves) {
    if (group.length > 0 && (size + move.memory > bulkBytes || group.length >= bulkPartitions)) {
      yield group
      group = []
      size = 0
    }
    group.push(move)
    size += move.memory
  }
  if (group.length > 0) yield group
}
