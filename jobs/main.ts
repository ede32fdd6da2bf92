import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { PipelineError } from './runtime/errors.ts'
import { hostPipeline, PipelineFailure, type PipelineHost } from './runtime/worker/host.ts'
import type { PipelineInfo, PipelineStatus } from './runtime/worker/messages.ts'
import type { Settings } from './settings.ts'

export interface PipelinesOptions {
  files: readonly string[]
  settings: Settings
  jobMode: boolean
  reset: boolean
  /** take up a changed file by itself; default true but in job mode */
  watch?: boolean
  log: PipelinesLog
}

/** `pipeline` is its name, or its file before it has one; `node` is empty for the pipeline as a whole. */
export type PipelinesLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  pipeline: string,
  node: string,
  message: string,
) => void

/** Several pipelines, each in a worker of its own: one that is slow or fails holds up no other. */
export interface Pipelines {
  /** Resolves once all have ended, with the files of those that failed. */
  ended: Promise<readonly string[]>
  /** Reads the file again (all of them by default) and goes over to it, where it is right. */
  reload(file?: string): Promise<void>
  /** The end, by `drain_policy`. */
  drain(reason: string): void
  /** The end at once. */
  cut(reason: string): void
  status(): readonly PipelineReport[]
}

export interface PipelineReport {
  file: string
  info: PipelineInfo
  state: 'running' | 'degraded' | 'ended' | 'failed'
  status: PipelineStatus | undefined
  /** why it failed */
  error: string | null
}

interface Running {
  file: string
  text: string
  host: PipelineHost
  info: PipelineInfo
  state: 'running' | 'ended' | 'failed'
  error: string | null
  done: Promise<void>
}

/**
 * Reads all pipelines, and starts them where all are right. Rejects with a `PipelineFailure` that holds the mistakes of
 * all files, before any of them runs.
 */
export async function startPipelines(options: PipelinesOptions): Promise<Pipelines> {
  const { files, settings, jobMode, log } = options
  const running = new Map<string, Running>()
  const watchers: FSWatcher[] = []
  let ending = false

  const host = (file: string, name: () => string, reset: boolean): PipelineHost =>
    hostPipeline({ file, settings, jobMode, reset, log: (level, node, message) => log(level, name(), node, message) })

  async function load(file: string, reset: boolean): Promise<Omit<Running, 'done'>> {
    let name = file
    const text = readText(file)
    const started = host(file, () => name, reset)
    const info = await started.ready
    name = info.name
    return { file, text, host: started, info, state: 'running', error: null }
  }

  function run(loaded: Omit<Running, 'done'>): void {
    const { info, host, file } = loaded
    const one: Running = { ...loaded, done: Promise.resolve() }
    log('info', info.name, '', 'runs')
    host.go()
    one.done = host.ended.then(
      ({ epoch }) => {
        one.state = 'ended'
        log('info', info.name, '', epoch === 0 ? 'ended before its first epoch was final' : `ended at epoch ${epoch}`)
      },
      error => {
        one.state = 'failed'
        one.error = error.message
        log('error', info.name, '', error.message)
      },
    )
    running.set(file, one)
  }

  async function reload(file: string): Promise<void> {
    const old = running.get(file)
    if (ending || old === undefined) return
    const loaded = await load(file, false).catch(error => {
      log(
        'error',
        old.info.name,
        '',
        `the changed file is not taken up, the pipeline goes on as it was: ${error.message}`,
      )
      return undefined
    })
    if (loaded === undefined) return
    log('info', old.info.name, '', `${file} has changed: the pipeline goes over to it`)
    old.host.drain('the pipeline file has changed')
    await old.done
    if (ending) return loaded.host.cut('the run ends')
    run(loaded)
  }

  /** One reload of a file at a time; a change during one leads to one more. */
  const reloading = new Map<string, Promise<void>>()
  function reloadOnce(file: string): Promise<void> {
    const next = (reloading.get(file) ?? Promise.resolve()).then(() => reload(file))
    reloading.set(file, next)
    return next
  }

  function watchFile(file: string): FSWatcher {
    let timer: NodeJS.Timeout | undefined
    // the folder, since editors replace the file
    return watch(dirname(file), { persistent: false }, (_, changed) => {
      if (changed !== basename(file)) return
      clearTimeout(timer)
      timer = setTimeout(() => {
        const text = readText(file)
        if (text !== '' && text !== running.get(file)?.text) void reloadOnce(file)
      }, 200)
    })
  }

  function end(how: 'drain' | 'cut', reason: string): void {
    ending = true
    for (const watcher of watchers.splice(0)) watcher.close()
    for (const { host } of running.values()) host[how](reason)
  }

  const loaded = await Promise.allSettled(files.map(file => load(file, options.reset)))
  const failures = loaded.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
  if (failures.length > 0) {
    for (const result of loaded) if (result.status === 'fulfilled') result.value.host.cut('another pipeline cannot run')
    throw joined(failures)
  }
  const started = loaded.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const twin = started.find((one, at) => started.findIndex(other => other.info.name === one.info.name) < at)
  if (twin !== undefined) {
    for (const { host } of started) host.cut('two pipelines have one name')
    const { file } = started.find(({ info }) => info.name === twin.info.name)!
    throw new PipelineError(
      'bad_pipeline',
      `${file} and ${twin.file} are both called '${twin.info.name}', and would share their state: give one another \`name:\``,
    )
  }
  for (const one of started) run(one)
  if (options.watch ?? !jobMode)
    for (const file of files) {
      watchers.push(watchFile(file))
      // a change while it was being read had no watcher yet
      const text = readText(file)
      if (text !== '' && text !== running.get(file)?.text) void reloadOnce(file)
    }

  async function allEnded(): Promise<readonly string[]> {
    for (;;) {
      const before = [...running.values()]
      await Promise.all([...before.map(({ done }) => done), ...reloading.values()])
      if (before.every(one => running.get(one.file) === one)) break
    }
    for (const watcher of watchers.splice(0)) watcher.close()
    return [...running.values()].filter(({ state }) => state === 'failed').map(({ file }) => file)
  }

  return {
    ended: allEnded(),
    reload: async file => {
      await Promise.all((file === undefined ? files : [file]).map(reloadOnce))
    },
    drain: reason => end('drain', reason),
    cut: reason => end('cut', reason),
    status: () =>
      [...running.values()].map(({ file, info, state, host, error }) => {
        const status = host.status()
        const isWaiting = status?.stateIsAway || Object.values(status?.meters ?? {}).some(({ degraded }) => degraded)
        const isDegraded = state === 'running' && isWaiting
        return { file, info, state: isDegraded ? 'degraded' : state, status, error }
      }),
  }
}

/** The text for telling a change; a file that cannot be read is told by the one who loads it. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function joined(failures: readonly unknown[]): PipelineFailure {
  const problems = failures.flatMap(error =>
    error instanceof PipelineFailure && error.problems.length > 0
      ? error.problems
      : [error instanceof Error ? error.message : String(error)],
  )
  return new PipelineFailure({ code: 'bad_pipeline', message: problems.join('\n'), problems })
}
