import { Field, type RecordBatch, Schema } from 'apache-arrow'
import { typeOf, withOp } from '../../runtime/batch/types.ts'
import type { Stream, Transform, TransformContext } from '../../runtime/contract.ts'
import { context as inContext, PipelineError } from '../../runtime/errors.ts'
import { chunksOf, outcomeOf, sandboxColumns } from './columns.ts'
import { visible } from './console.ts'
import { createPool } from './pool.ts'
import { openSandbox, type SandboxOptions } from './sandbox.ts'
import type { ScriptConfig } from './script.ts'
import { type Compiled, compile, TypeScriptError } from './typescript.ts'

/** What a call takes: the time limit is for one, so that it means the same whatever a source gives. */
const rowsOfCall = 10_000

export async function openScript(config: ScriptConfig, input: Stream, context: TransformContext): Promise<Transform> {
  const { name, settings, signal, log } = context
  const schema = outputSchema(config, input.schema)
  const compiled = compiledFrom(config)
  const { timeout, memory } = settings.script
  const options: SandboxOptions = {
    name,
    code: compiled.code,
    columns: sandboxColumns(input.schema, schema),
    limits: { timeout, memory },
    signal,
    log: (level, line) => log[level === 'debug' || level === 'warn' ? level : 'info'](line),
    wrong: (message, stack) => wrongScript(located(compiled, message, stack)),
  }
  const opened = await Promise.allSettled(Array.from({ length: config.parallelism }, () => openSandbox(options)))
  const sandboxes = opened.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const pool = createPool(sandboxes)
  const failed = opened.find(result => result.status === 'rejected')
  if (failed !== undefined) {
    await pool.close()
    throw failed.reason
  }

  const rows = Math.min(config.batch_size ?? rowsOfCall, rowsOfCall)
  // text, values and the answer are in there at the same time
  const length = Math.max(Math.floor(memory / 16), 65_536)
  const warned = new Set<string>()

  async function processBatch(batch: RecordBatch): Promise<RecordBatch[]> {
    const chunks = chunksOf(batch, rows, length)
    const texts = await Promise.all(chunks.map(chunk => pool.run(chunk.text, chunk.rows)))
    return texts.flatMap((text, at) => {
      const { batch, dead, dropped, extra } = outcomeOf(schema, text)
      for (const { at: row, message, stack } of dead)
        context.dead({ code: 'script_error', message: located(compiled, message, stack), row: chunks[at]!.row(row) })
      if (dropped > 0) context.dropped(dropped)
      for (const column of extra) warnOnce(column)
      return batch === undefined ? [] : [batch]
    })
  }

  function warnOnce(column: string): void {
    // each sandbox tells of a column
    if (warned.has(column)) return
    warned.add(column)
    log.warn(
      `script '${name}' returns a column ${JSON.stringify(column.slice(0, 100))} that is not in its schema: it is left out`,
    )
  }

  return {
    schema,
    // one more, so that a batch is made ready while the sandboxes run
    concurrency: config.parallelism + 1,
    batching: { rows, ...(config.batch_flush_interval !== undefined && { wait: config.batch_flush_interval }) },
    async process(batches) {
      return (await Promise.all(batches.map(processBatch))).flat()
    },
    close: () => pool.close(),
  }
}

function outputSchema({ schema }: ScriptConfig, input: Schema): Schema {
  if (schema === undefined) return withOp(input)
  const fields = Object.entries(schema).map(([column, type]) => {
    try {
      return new Field(column, typeOf(type), true)
    } catch (error) {
      const { code, message } = inContext(`column ${JSON.stringify(column)}`, error)
      throw new PipelineError(code, message, { path: ['schema', column], cause: error })
    }
  })
  return withOp(new Schema(fields))
}

function compiledFrom({ language, script }: ScriptConfig): Compiled {
  if (language === 'js' || language === 'javascript') return { code: script, lineOf: line => line }
  try {
    return compile(script)
  } catch (error) {
    if (!(error instanceof TypeScriptError)) throw error
    throw wrongScript(error.line === undefined ? error.message : `line ${error.line}: ${error.message}`)
  }
}

const wrongScript = (message: string) => new PipelineError('bad_pipeline', message, { path: ['script'] })

/** The message with the first line of the script that the stack names. */
function located({ lineOf }: Compiled, message: string, stack: string): string {
  const place = /\bscript:(\d+):(\d+)/.exec(stack)
  const said = visible(message)
  return place === null ? said : `line ${lineOf(Number(place[1]), Number(place[2]))}: ${said}`
}
