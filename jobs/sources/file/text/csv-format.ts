import { formatSize } from '../../../../core/units.ts'
import { OP, withOp } from '../../../runtime/batch/types.ts'
import { dataError } from '../errors.ts'
import type { FormatOptions, OpenFormat } from '../formats.ts'
import { createCsvParser, unquoteCsv } from './csv.ts'
import { createInference, sampleOfText, withTypes } from './infer.ts'
import { headBytes, openTextFormat } from './open.ts'
import { type CsvDialect, createRecordScanner, type RecordScanner } from './records.ts'
import { createRows } from './rows.ts'
import { beginningOf, markLength } from './sample.ts'
import { ESCAPED } from './values.ts'
import { LF } from './window.ts'

const sampleRows = 20_480
const CR = 0x0d
const newline = Buffer.from([LF])
const delimiters = [',', ';', '\t', '|']

export async function openCsv(options: FormatOptions): Promise<OpenFormat> {
  const { samples, config, context, capacity } = options
  const { quote, null_text: nullText, header: hasHeader } = config.csv
  let delimiter = config.csv.delimiter
  const inference = createInference()
  for (const file of samples) {
    const { name } = file
    const bytes = await beginningOf(file)
    // where it goes on, its last line may be half of one
    const isWhole = config.mode.type === 'bounded' || context.jobMode || file.etag !== undefined
    const sample = isWhole ? Buffer.concat([bytes, newline]) : bytes.subarray(0, bytes.lastIndexOf(LF) + 1)
    delimiter ??= delimiterOf(sample, quote)
    const scanner = createRecordScanner({ delimiter, quote })
    let header: string[] | undefined
    let left = Math.ceil(sampleRows / samples.length)
    for (const fields of recordsOf(sample, scanner, quote)) {
      if (left-- === 0) break
      const isFirst = header === undefined
      header ??= headerOf(fields, hasHeader, name)
      if (isFirst && hasHeader) {
        inference.add(Object.fromEntries(header.map(column => [column, null])))
        continue
      }
      if (fields.length !== header.length) continue
      const values = fields.map(({ text, bare }) => (bare && text === nullText ? null : sampleOfText(text)))
      inference.add(Object.fromEntries(header.map((column, at) => [column, values[at]])))
    }
  }
  const dialect: CsvDialect = { delimiter: delimiter ?? ',', quote, nullText }
  const schema = withOp(withTypes(inference.fields(), config.schema))
  const rows = createRows(schema, capacity, unquoteCsv(quote))
  const columns = schema.fields.map(field => field.name).filter(column => column !== OP)
  return openTextFormat(options, schema, rows, (parserOptions, head, name) => {
    const found = hasHeader ? readHeader(head, dialect, name) : { header: columns, begin: markLength(head), line: 0 }
    return found && { ...found, parser: createCsvParser(parserOptions, { dialect, header: found.header }) }
  })
}

/** The header of a file, and where it ends; undefined: it is not there yet. */
function readHeader(head: Buffer, dialect: CsvDialect, name: string) {
  const scanner = createRecordScanner(dialect)
  let begin = markLength(head)
  while (head[begin] === LF || head[begin] === CR) begin++
  const to = head.lastIndexOf(LF) + 1
  const end = to > begin ? scanner.scan(head, begin, to) : 'open'
  if (end === 'broken') throw dataError(name, 'its header has text after a closing quote')
  if (end === 'open') {
    if (head.length < headBytes) return undefined
    throw dataError(name, `its header does not end within ${formatSize(headBytes)}`)
  }
  const header = headerOf(fieldsOf(head, scanner, dialect.quote), true, name)
  return { header, begin: end + 1, line: head.subarray(0, end + 1).filter(byte => byte === LF).length }
}

interface FieldText {
  text: string
  bare: boolean
}

function headerOf(fields: readonly FieldText[], hasHeader: boolean, name: string): string[] {
  if (!hasHeader) return fields.map((_, at) => `column${at}`)
  const header = fields.map(({ text }, at) => text.trim() || `column${at}`)
  const twice = header.find((column, at) => header.indexOf(column) !== at)
  if (twice !== undefined) throw dataError(name, `its header names the column ${JSON.stringify(twice)} twice`)
  return header
}

function fieldsOf(bytes: Buffer, { count, kinds, starts, ends, bare }: RecordScanner, quote: string): FieldText[] {
  const unquote = unquoteCsv(quote)
  return Array.from({ length: count }, (_, field) => ({
    text:
      kinds[field] === ESCAPED
        ? unquote(bytes, starts[field]!, ends[field]!)
        : bytes.toString('utf8', starts[field], ends[field]),
    bare: bare[field]!,
  }))
}

function* recordsOf(sample: Buffer, scanner: RecordScanner, quote: string): Generator<FieldText[]> {
  for (let at = markLength(sample); at < sample.length; ) {
    const end = scanner.scan(sample, at, sample.length)
    const isWhole = typeof end === 'number'
    if (isWhole && !(scanner.count === 1 && scanner.starts[0] === scanner.ends[0]))
      yield fieldsOf(sample, scanner, quote)
    at = (isWhole ? end : sample.indexOf(LF, at)) + 1
  }
}

/** The delimiter that gives the first records the same number of fields, and the most; a comma where none does. */
function delimiterOf(sample: Buffer, quote: string): string {
  let best = { delimiter: ',', fields: 1 }
  for (const delimiter of delimiters) {
    const counts: number[] = []
    for (const fields of recordsOf(sample, createRecordScanner({ delimiter, quote }), quote))
      if (counts.push(fields.length) === 20) break
    const [first = 0] = counts
    if (first > best.fields && counts.every(count => count === first)) best = { delimiter, fields: first }
  }
  return best.delimiter
}
