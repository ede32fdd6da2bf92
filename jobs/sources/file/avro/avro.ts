import { DataType, Field, type Schema } from 'apache-arrow'
import { decoderOf, type Mapped, mapSchema, plain, primaryKeyOf } from '../../../drivers/avro/types.ts'
import { batchOfRows, type Row } from '../../../runtime/batch/build.ts'
import { nameOf, OP, withOp } from '../../../runtime/batch/types.ts'
import { dataError } from '../errors.ts'
import type { FileReader, FormatOptions, OpenFormat } from '../formats.ts'
import { createIgnored } from '../ignored.ts'
import { withOps } from '../ops.ts'
import type { FileProgress } from '../progress.ts'
import { withTypes } from '../text/infer.ts'
import { type Block, type Container, openContainer } from './container.ts'

/** How far an Avro file was read: the place of a block, and rows in it. */
interface AvroProgress extends FileProgress {
  row: number
  check: number
}

/** Data of a batch at most. */
const mostBytes = 16 * 1024 * 1024

export async function openAvro(options: FormatOptions): Promise<OpenFormat> {
  const { samples, config } = options
  const fields = new Map<string, Field>()
  let primaryKey: readonly string[] | undefined
  for (const file of samples) {
    const { name } = file
    const container = await openContainer(file)
    if (container === undefined) continue
    await container.close()
    const schema = parseSchema(container, name)
    primaryKey ??= primaryKeyOf(schema)
    for (const { name: column, column: mapped } of columnsOf(schema, name))
      if (!fields.has(column)) fields.set(column, new Field(column, mapped.type, true))
  }
  const schema = withOp(withTypes([...fields.values()], config.schema))
  return { schema, ...(primaryKey && { primaryKey }), open: createOpener(schema, options) }
}

function parseSchema({ schema }: Container, name: string): unknown {
  return understood(name, () => JSON.parse(schema))
}

function columnsOf(schema: unknown, name: string): { name: string; column: Mapped }[] {
  const columns = understood(name, () => mapSchema(schema))
  if (columns === undefined) throw dataError(name, 'its schema is no record, so that it has no columns')
  return columns
}

function understood<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw dataError(name, `its schema is broken: ${(error as Error).message}`)
  }
}

function createOpener(schema: Schema, { context, config, capacity }: FormatOptions): OpenFormat['open'] {
  const ignored = createIgnored(context.log)

  /** A file that ends too early, perhaps because it is still being written. */
  function cut(name: string): void {
    if (config.mode.type === 'bounded') throw dataError(name, 'is cut off')
    context.log.warn(`${name} ends in the middle of a block: the rest is read once it is there`)
  }

  /** A time in another unit would be another time. */
  function checkTimes(name: string, columns: readonly { name: string; column: Mapped }[]): void {
    for (const { name: column, column: mapped } of columns) {
      const wanted = schema.fields.find(field => field.name === column)?.type as DataType | undefined
      if (wanted === undefined) ignored(column)
      else if (isTime(mapped.type) && isTime(wanted) && nameOf(mapped.type) !== nameOf(wanted))
        throw dataError(
          name,
          `column ${JSON.stringify(column)} is ${nameOf(mapped.type)} here, and ${nameOf(wanted)} elsewhere`,
        )
    }
  }

  return async (file, before, until): Promise<FileReader> => {
    const [from, to] = [before, until] as (AvroProgress | undefined)[]
    const { name } = file
    const container = await openContainer(file)
    if (container === undefined) {
      if (from) throw dataError(name, 'is not the file that was read: it was replaced')
      cut(name)
      return { next: async () => ({ done: true, progress: undefined }), close: async () => {} }
    }
    try {
      return await readerOf(container, name, from, to)
    } catch (error) {
      await container.close()
      throw error
    }
  }

  async function readerOf(
    container: Container,
    name: string,
    from?: AvroProgress,
    to?: AvroProgress,
  ): Promise<FileReader> {
    const { check } = container
    for (const known of [from, to])
      if (known !== undefined && known.check !== check)
        throw dataError(name, 'is not the file that was read: it was replaced')
    const parsed = parseSchema(container, name)
    const columns = columnsOf(parsed, name)
    checkTimes(name, columns)
    const decoder = understood(name, () => decoderOf(parsed))
    let at = from?.at ?? container.first
    /** of the block at `at`, those that were read */
    let row = from?.row ?? 0
    let open: { block: Block; offset: number } | undefined

    /** The block at `at`, with `row` rows of it passed over; undefined at the end. */
    async function currentBlock(): Promise<{ block: Block; offset: number } | undefined> {
      if (to !== undefined && at === to.at && row >= to.row) return undefined
      if (open) return open
      const block = await container.block(at)
      if (block === 'cut') {
        if (to !== undefined || row > 0)
          throw dataError(name, `ends inside the block at byte ${at}, which was read: it was cut off`)
        cut(name)
        return undefined
      }
      if (block === undefined) {
        if (to !== undefined)
          throw dataError(name, `ends before byte ${to.at}, up to which it was read: it was cut off`)
        return undefined
      }
      let offset = 0
      for (let passed = 0; passed < row; passed++) offset = decode(block, offset, passed).offset
      open = { block, offset }
      return open
    }

    function decode(block: Block, offset: number, of: number): { value: Record<string, unknown>; offset: number } {
      let decoded: { value: unknown; offset: number }
      try {
        decoded = decoder.decode(block.data, offset)
      } catch (error) {
        throw dataError(name, `row ${of + 1} of the block at byte ${at}: ${(error as Error).message}`)
      }
      if (decoded.offset < 0) throw dataError(name, `row ${of + 1} of the block at byte ${at} goes beyond the block`)
      return decoded as { value: Record<string, unknown>; offset: number }
    }

    return {
      async next() {
        const rows: Row[] = []
        const places: string[] = []
        let size = 0
        let done = false
        while (rows.length < capacity && size < mostBytes) {
          const current = await currentBlock()
          if (current === undefined) {
            done = true
            break
          }
          const { block } = current
          const end = to !== undefined && at === to.at ? to.row : block.rows
          for (; row < end && rows.length < capacity && size < mostBytes; row++) {
            const { value, offset } = decode(block, current.offset, row)
            size += offset - current.offset
            current.offset = offset
            rows.push(Object.fromEntries(columns.map(({ name, column }) => [name, column.convert(value[name])])) as Row)
            places.push(`row ${row + 1} of the block at byte ${at} of ${name}`)
          }
          if (row === block.rows) {
            at = block.next
            row = 0
            open = undefined
          }
        }
        return { done, progress: { at, row, check }, batch: batchOf(rows, places) }
      },
      close: () => container.close(),
    }
  }

  function batchOf(rows: readonly Row[], places: readonly string[]) {
    if (rows.length === 0) return undefined
    const dead = (at: number, why: string) =>
      context.dead({ code: 'bad_row', message: `${places[at]}: ${why}`, row: JSON.stringify(plain(rows[at])) })
    // a row without `_gs_op` is an insert
    const { batch, refused } = batchOfRows(
      schema,
      rows.map(row => ({ ...row, [OP]: row[OP] ?? 'i' })),
    )
    for (const { row, message } of refused) dead(row, message)
    if (batch === undefined) return undefined
    const gone = new Set(refused.map(({ row }) => row))
    const left = [...rows.keys()].filter(row => !gone.has(row))
    return withOps(schema, batch, (row, why) => dead(left[row]!, why))
  }
}

const isTime = (type: DataType): boolean => DataType.isTimestamp(type) || DataType.isDate(type) || DataType.isTime(type)
