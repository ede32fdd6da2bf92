import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { formatSize } from '../../../core/units.ts'
import type { DuckDb } from '../../drivers/duckdb/duckdb.ts'
import { lakeFailure } from '../../drivers/lake/failures.ts'
import { below, compactor, ownFolder } from '../../drivers/lake/layout.ts'
import { emptyManifest, type Manifest } from '../../drivers/lake/manifest.ts'
import { fold, type Place, publish, settled, stageName, sweep } from '../../drivers/lake/publish.ts'
import { openVersions } from '../../drivers/lake/versions.ts'
import type { Checkpoint, NodeContext, Sink } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Layout } from './check.ts'
import { type Draft, draftOf, openRows } from './draft.ts'
import type { ParquetConfig } from './parquet.ts'
import { createPool } from './pool.ts'
import { createStage } from './stage.ts'

/** Rows in memory, above which they are staged before the checkpoint comes. */
const poolBytes = 32 * 1024 * 1024
/** What a commit may take for sealing, ms; what is left is sealed by the next. */
const sealTime = (checkpointTimeout: number) => Math.min(15_000, (checkpointTimeout * 1000) / 4)

export interface SinkOptions {
  config: ParquetConfig
  layout: Layout
  /** connections to a database in memory; closing the first closes it */
  sessions: readonly [DuckDb, ...DuckDb[]]
  place: Place
  /** folder of what does not fit into memory */
  spill: string
  context: NodeContext
}

export function createSink({ config, layout, sessions, place, spill, context }: SinkOptions): Sink {
  const { partitions } = layout
  const { root, folder, files } = place
  const versions = openVersions(folder, files)
  const [db] = sessions
  const pool = createPool(db, config, partitions)
  const stage = createStage({ config, partitions, sessions, pool, place, dead: row => context.dead(row) })
  const names = partitions.map(({ name }) => name)
  let manifest: Manifest | undefined
  let draft: Draft | undefined
  let isBusy = false
  let hasFailed = false
  const interrupt = () => {
    if (isBusy) for (const session of sessions) session.interrupt()
  }
  context.signal.addEventListener('abort', interrupt)

  /** One call at a time; what fails is told as what it is. */
  async function during<T>(call: () => Promise<T>): Promise<T> {
    isBusy = true
    try {
      return await call()
    } catch (error) {
      hasFailed = true
      // the folders of an older run are swept away under it
      if (manifest !== undefined && (await versions.isFenced(manifest))) throw fenced()
      throw tooLittle(error) ?? lakeFailure(error, `parquet ${root}`)
    } finally {
      isBusy = false
    }
  }

  const fenced = () =>
    new PipelineError(
      'fenced',
      `parquet ${root}: a newer run of sink ${JSON.stringify(context.name)} of pipeline ${context.pipeline} took over: nothing of this one is published any more`,
    )

  function tooLittle(error: unknown): PipelineError | undefined {
    if (!(error instanceof PipelineError && error.code === 'limit')) return undefined
    const message = `parquet ${root}: memory: ${formatSize(config.memory)} is too little: set it higher (${error.message})`
    return new PipelineError('limit', message, { cause: error })
  }

  const first = () => emptyManifest({ pipeline: context.pipeline, sink: context.name }, newId())

  function begun(): { manifest: Manifest; draft: Draft } {
    if (manifest === undefined || draft === undefined) throw new PipelineError('internal', 'begin comes before rows')
    return { manifest, draft }
  }

  /** Publishes the draft, with a checkpoint or without a new one. */
  async function publishDraft(checkpoint: Checkpoint | undefined): Promise<void> {
    const last = begun()
    const { version, garbage } = last.draft
    const next: Manifest = {
      ...last.manifest,
      version,
      ...(checkpoint !== undefined && { checkpoint }),
      partitions: names,
      files: [...settled(last.manifest.files), ...last.draft.files],
      open: openRows(last.draft, pool.columns),
    }
    const folded = await fold(place, next, replacedPaths)
    await versions.commit(folded)
    manifest = folded
    draft = draftOf(folded)
    await publish(place, last.draft.files)
    await files.remove(...garbage.map(file => below(folder, file)))
    if (last.manifest.list !== undefined && last.manifest.list !== folded.list)
      await files.remove(below(folder, last.manifest.list))
    await versions.prune(folded)
    count(last.draft)
  }

  function count({ files: sealed }: Draft): void {
    if (sealed.length === 0) return
    context.metrics.count('files', sealed.length)
    context.metrics.count(
      'file_bytes',
      sealed.reduce((sum, { bytes }) => sum + bytes, 0),
    )
  }

  /** What the compaction took over stands in its own list. */
  async function replacedPaths(): Promise<ReadonlySet<string>> {
    const compaction = await openVersions(below(root, ownFolder, compactor), files).newest()
    return new Set(compaction?.replaced.map(({ path }) => path))
  }

  async function sealAll(): Promise<void> {
    const { manifest: last } = begun()
    draft = draftOf(last)
    await pool.clear()
    await stage.run(draft, { all: true, until: Number.POSITIVE_INFINITY })
    await publishDraft(undefined)
  }

  /** Rows that wait, but have other columns than those that come, are sealed as they are. */
  async function adopt({ open }: Manifest): Promise<void> {
    const now = layout.columns.map(({ name, sql }) => [name, sql])
    if (open.partitions.length > 0 && !isDeepStrictEqual(open.columns, now)) {
      await pool.reset(open.columns.map(([name, sql]) => ({ name, sql })))
      await sealAll()
    }
    await pool.reset(layout.columns)
  }

  function refuseOtherFolders({ partitions: before, files, list, open }: Manifest): void {
    const isEmpty = files.length === 0 && list === undefined && open.partitions.length === 0
    if (isEmpty || isDeepStrictEqual(before, names)) return
    throw new PipelineError(
      'bad_pipeline',
      `parquet ${root}: its files are partitioned by [${before.join(', ')}], and partition_by gives [${names.join(', ')}] now, which readers cannot take together: name another folder`,
      { path: ['partition_by'] },
    )
  }

  return {
    begin: () =>
      during(async () => {
        const current = await versions.newest()
        if (current !== undefined) refuseOtherFolders(current)
        manifest = await versions.raise(first)
        draft = draftOf(manifest)
        await publish(place, manifest.files, await replacedPaths())
        await sweep(place, manifest, spill)
        await versions.prune(manifest)
        await files.makeFolder(below(folder, stageName(manifest.fence)))
        await adopt(manifest)
        return manifest.checkpoint
      }),

    write: batch =>
      during(async () => {
        await pool.write(batch)
        if (pool.bytes > poolBytes) await stage.run(begun().draft, usual())
      }),

    commit: checkpoint =>
      during(async () => {
        const last = begun().manifest.checkpoint
        if (last !== undefined && checkpoint.epoch <= last.epoch) {
          refuseOther(checkpoint, last)
          draft = draftOf(begun().manifest)
          await pool.clear()
          return
        }
        await stage.run(begun().draft, usual())
        await publishDraft(checkpoint)
      }),

    due() {
      const limit = Date.now() - config.max_age
      return manifest?.open.partitions.some(({ since }) => since <= limit) ?? false
    },

    reset: () =>
      during(async () => {
        // names begin anew, too: those of epochs that come again are taken
        await versions.raise(first, ({ checkpoint: _, ...rest }) => ({ ...rest, id: newId() }))
      }),

    async close() {
      context.signal.removeEventListener('abort', interrupt)
      const waiting = manifest?.open.partitions.length ?? 0
      try {
        // what was committed is seen by all once the pipeline has ended; a newer run sees to it by itself
        if (!isBusy && !hasFailed && waiting > 0) await during(sealAll).catch(unlessFenced)
      } finally {
        db.close()
      }
    },
  }

  function usual() {
    const until = performance.now() + sealTime(context.settings.checkpoint_timeout_sec)
    return { all: false, until, signal: context.signal }
  }

  /** The same epoch again is a replay whose rows are there already; anything else would lose rows or repeat them. */
  function refuseOther(next: Checkpoint, last: Checkpoint): void {
    if (isDeepStrictEqual(next, last)) return
    throw new PipelineError(
      'state',
      `parquet ${root}: sink ${JSON.stringify(context.name)} has published epoch ${last.epoch} already, and cannot publish ${next.epoch === last.epoch ? 'another one of this number' : `epoch ${next.epoch}`}: start again with --reset`,
    )
  }
}

function unlessFenced(error: unknown): void {
  if (!(error instanceof PipelineError && error.code === 'fenced')) throw error
}

/** Ten characters that no other run or sink is likely to have. */
function newId(): string {
  return randomBytes(6).readUIntBE(0, 6).toString(36).padStart(10, '0')
}
