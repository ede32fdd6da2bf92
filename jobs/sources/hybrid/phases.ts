import type { Schema } from 'apache-arrow'
import { withOp } from '../../runtime/batch/types.ts'
import type { NodeContext, Position, Source } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type Align, createAlign } from './align.ts'
import { at, handoverOf, type Opener } from './handover.ts'
import type { HybridConfig, Kinds, Phase } from './hybrid.ts'

/** One source of a hybrid, open. */
export interface OpenPhase {
  source: Source
  align: Align
}

export interface Phases {
  /** of the whole: that of the unbounded source, with `_gs_op` */
  schema: Schema
  unbounded: Source
  /** where the unbounded source begins, taken before any other was opened */
  handover: Position
  readonly count: number
  /** The source of a phase; throws where a bounded one could not be opened. */
  phase(index: number): OpenPhase
  close(): Promise<void>
}

export async function openPhases(config: HybridConfig, context: NodeContext, kinds: Kinds): Promise<Phases> {
  const { bounded_sources, unbounded_source } = config
  const live = await openers(kinds, unbounded_source, ['unbounded_source'])
  const bounded = await Promise.all(
    bounded_sources.map((phase, index) => openers(kinds, phase, ['bounded_sources', index])),
  )
  const opened: Source[] = []
  const close = async () => {
    for (const source of opened) await source.close()
  }
  try {
    const unbounded = await live.open({ ...context, jobMode: false })
    opened.push(unbounded)
    if (unbounded.bounded)
      throw new PipelineError('bad_pipeline', 'its rows come to an end: it belongs to bounded_sources', {
        path: ['unbounded_source'],
      })
    // before a bounded source looks at how far it is to read: what comes meanwhile is then read by both, and not by none
    const handover = await handoverOf(config, unbounded, bounded, context)
    const schema = withOp(unbounded.schema)
    const phases: (OpenPhase | PipelineError)[] = []
    for (const [index, { open }] of bounded.entries()) {
      const path = ['bounded_sources', index]
      // each ends with what is there, whatever its own mode
      const source = await open({ ...context, jobMode: true }).catch(error => notYet(error, index, context))
      if (!(source instanceof PipelineError)) opened.push(source)
      phases.push(source instanceof PipelineError ? source : aligned(source, schema, context, path))
    }
    phases.push({ source: unbounded, align: createAlign(unbounded.schema, schema, context.dead) })
    return {
      schema,
      unbounded,
      handover,
      count: phases.length,
      phase(index) {
        const phase = phases[index]!
        if (phase instanceof PipelineError) throw phase
        return phase
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Files of a phase that is over may be gone: that they are counts only once the phase is read. */
function notYet(error: unknown, index: number, { log }: NodeContext): PipelineError {
  if (!(error instanceof PipelineError)) throw error
  log.warn(`bounded_sources[${index}] cannot be read, which matters only while its phase is not over: ${error.message}`)
  return new PipelineError(error.code, `bounded_sources[${index}]: ${error.message}`, {
    path: ['bounded_sources', index, ...error.path],
    retryAfter: error.retryAfter,
    cause: error,
  })
}

function aligned(source: Source, schema: Schema, { dead }: NodeContext, path: PropertyKey[]): OpenPhase {
  try {
    if (!source.bounded) throw new PipelineError('bad_pipeline', 'its rows do not come to an end')
    return { source, align: createAlign(source.schema, schema, dead) }
  } catch (error) {
    throw at(path, error)
  }
}

/** Checks the keys of a phase at once, and gives what opens it. */
async function openers(kinds: Kinds, { source_type: type, ...keys }: Phase, path: PropertyKey[]): Promise<Opener> {
  const load = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (load === undefined)
    throw new PipelineError('bad_pipeline', `there is no source_type '${type}' yet: ${Object.keys(kinds).join(', ')}`, {
      path: [...path, 'source_type'],
    })
  const definition = await load()
  const { data, error } = definition.config.safeParse(keys)
  if (error !== undefined) {
    const [issue] = error.issues
    throw new PipelineError('bad_pipeline', issue!.message, { path: [...path, ...issue!.path] })
  }
  return {
    async open(context) {
      try {
        return await definition.open(data, context)
      } catch (error) {
        throw error instanceof PipelineError && path[0] === 'unbounded_source' ? at(path, error) : error
      }
    },
    offsets: definition.offsets && ((table, context) => definition.offsets!(data, table, context)),
  }
}
