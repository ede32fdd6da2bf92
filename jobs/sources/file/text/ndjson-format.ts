import { withOp } from '../../../runtime/batch/types.ts'
import type { FormatOptions, OpenFormat } from '../formats.ts'
import { createInference, sampleOfJson, withTypes } from './infer.ts'
import { createNdjsonParser, unquoteJson } from './ndjson.ts'
import { openTextFormat } from './open.ts'
import { createRows } from './rows.ts'
import { beginningOf, markLength } from './sample.ts'

/** Rows that the columns are found by, over all files. */
const sampleRows = 20_480

export async function openNdjson(options: FormatOptions): Promise<OpenFormat> {
  const { samples, config, capacity } = options
  const inference = createInference()
  for (const file of samples) {
    const sample = await beginningOf(file)
    const lines = sample.toString('utf8', markLength(sample)).split('\n', Math.ceil(sampleRows / samples.length))
    for (const line of lines.filter(isText)) {
      const row = objectOf(line)
      if (row !== undefined) inference.add(row)
    }
  }
  const schema = withOp(withTypes(inference.fields(), config.schema))
  const rows = createRows(schema, capacity, unquoteJson)
  return openTextFormat(options, schema, rows, (parserOptions, head) => ({
    parser: createNdjsonParser(parserOptions),
    begin: markLength(head),
    line: 0,
  }))
}

/** Lines that are no objects become dead letters when they are read. */
function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const value = sampleOfJson(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Bytes that are no UTF-8 come as this character. */
const isText = (line: string): boolean => !line.includes('\ufffd')
