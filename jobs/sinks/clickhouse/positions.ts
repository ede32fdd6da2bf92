import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ClickHouse } from '../../drivers/clickhouse/client.ts'
import { literal, quoteTable, type TableName } from '../../drivers/clickhouse/names.ts'
import type { Checkpoint, NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * Where each sink stands: a log per sink, whose entry `seq` is appended with a token of `seq` alone. Of all writers that
 * append an entry of one number, the server keeps the first, and drops the others as repetitions. So an append is a
 * compare and swap: it works for whoever holds the head, and after a newer run took the next number nothing of an
 * older one is ever appended. A token that the server has forgotten belongs to a number far below the head, where an
 * entry says nothing.
 */
export const positionsTable = '_millrace_positions'
const window = 10_000

export interface Block {
  rows: number
  /** of its keys, in order */
  crc: number
}

/** An epoch that is being published. */
export interface Intent {
  checkpoint: Checkpoint
  blocks: readonly Block[]
  /** of the table before: see `blocksOf` */
  base: number
  /** milliseconds */
  at: number
}

export interface Entry {
  writer: string
  /** of all runs until a reset: tokens of the rows begin with it */
  run: string
  /** version of the last rows, microseconds */
  version: number
  /** the last that was published */
  checkpoint?: Checkpoint
  table?: { name: string; uuid: string }
  intent?: Intent
}

export interface Positions {
  /** Makes the table where it is not there. */
  prepare(): Promise<void>
  /** Takes the head: whoever held it before is fenced. `change`: what the new entry says. */
  take(change: (last: Entry | undefined) => Entry): Promise<Entry>
  /** Appends behind the own last entry. Throws `fenced` where another run has. */
  append(entry: Omit<Entry, 'writer'>): Promise<void>
  /** Throws `fenced` unless the head is still the own one. */
  confirm(): Promise<void>
  /** Holds in SQL as long as the head is the own one. */
  condition(): string
}

export function createPositions(server: ClickHouse, database: string, context: NodeContext): Positions {
  const { pipeline, name, retry } = context
  const table: TableName = { database, table: positionsTable }
  const writer = randomUUID()
  let head = 0

  async function read(): Promise<{ seq: number; entry: Entry | undefined }> {
    const [last] = await server.rows<{ seq: string; entry: string }>(
      `SELECT seq, entry FROM ${quoteTable(table)} WHERE pipeline = {pipeline:String} AND sink = {sink:String} ORDER BY seq DESC LIMIT 1`,
      // on a cluster: the last write, whichever replica answers
      { params: { pipeline, sink: name }, settings: { select_sequential_consistency: 1 } },
    )
    return last === undefined ? { seq: 0, entry: undefined } : { seq: Number(last.seq), entry: JSON.parse(last.entry) }
  }

  /** Whether the entry of this number is now ours. */
  async function put(seq: number, entry: Entry): Promise<boolean> {
    const bytes = Buffer.from(`${JSON.stringify({ pipeline, sink: name, seq, entry: JSON.stringify(entry) })}\n`)
    await server.insert(
      `INSERT INTO ${quoteTable(table)} (pipeline, sink, seq, entry) FORMAT JSONEachRow`,
      { size: bytes.length, open: () => Readable.from([bytes]) },
      { settings: { ...insertSettings, insert_deduplication_token: hash(pipeline, name, seq) } },
    )
    const last = await read()
    return last.seq === seq && last.entry?.writer === writer
  }

  const fenced = () =>
    new PipelineError(
      'fenced',
      `clickhouse: a newer run of sink ${JSON.stringify(name)} of pipeline ${pipeline} took over: nothing of this one is published any more`,
    )

  return {
    async prepare() {
      await server.run(
        `CREATE TABLE IF NOT EXISTS ${quoteTable(table)} (pipeline String, sink String, seq UInt64, entry String, written_at DateTime DEFAULT now()) ENGINE = ReplacingMergeTree(seq) ORDER BY (pipeline, sink) SETTINGS non_replicated_deduplication_window = ${window}`,
      )
    },
    async take(change) {
      for (;;) {
        const { seq, entry } = await retry('read the position', read)
        const next = { ...change(entry), writer }
        if (await retry('take the position', () => put(seq + 1, next))) {
          head = seq + 1
          return next
        }
      }
    },
    async append(entry) {
      if (!(await retry('write the position', () => put(head + 1, { ...entry, writer })))) throw fenced()
      head++
    },
    async confirm() {
      const { seq } = await retry('read the position', read)
      if (seq !== head) throw fenced()
    },
    condition: () =>
      `(SELECT max(seq) FROM ${quoteTable(table)} WHERE pipeline = ${literal(pipeline)} AND sink = ${literal(name)}) = ${head}`,
  }
}

/** One insert is one block, whatever the user's profile says, and is repeated without effect. */
export const insertSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  max_insert_threads: 1,
  max_insert_block_size: 1_000_000_000,
  min_insert_block_size_rows: 1_000_000_000,
  min_insert_block_size_bytes: 0,
} as const

export const hash = (...parts: readonly (string | number)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex')
