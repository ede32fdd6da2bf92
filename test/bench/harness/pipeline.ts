import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { gatewayBin } from './bin.ts'
import { clocked } from './clock.ts'
import { own, residentBytes } from './processes.ts'

const sampleMilliseconds = 200
const runs = /: runs$/
const begins = /ready rows begin/
const ends = /ended at epoch/

export interface PipelineOptions {
  /** working folder: the pipeline, its state and what it writes; an empty one */
  dir: string
  /** what the file says; YAML takes JSON */
  pipeline: { name?: string; sources: object; transforms: object; sinks: object }
  /** `checkpoint_interval_sec: 1`, and so on; those of the environment do not count */
  settings?: Readonly<Record<string, string | number>>
}

export interface PipelineRun {
  /** from the start of the process to its end */
  seconds: number
  /** from the moment that all was read and checked to the end of the run */
  runSeconds: number
  /** of all its threads */
  cpuSeconds: number
  /** resident MB, every 200 ms */
  rss: number[]
  /** seconds from the line that matches the first to that which matches the second; throws where there is none */
  between(from: RegExp, to: RegExp): number
  /** the first match in what it logged; throws where there is none */
  said(pattern: RegExp): RegExpExecArray
}

/** `millrace run PIPELINE --job-mode` in a process of its own. Rejects with its log where it fails. */
export async function runPipelineFile({ dir, pipeline, settings = {} }: PipelineOptions): Promise<PipelineRun> {
  const file = join(dir, 'pipeline.yaml')
  writeFileSync(file, JSON.stringify(pipeline, null, 2))
  const log: { at: number; text: string }[] = []
  const rss: number[] = []
  const { seconds, cpuSeconds, value } = await clocked(async () => {
    const child = spawn(process.execPath, [gatewayBin(), 'run', file, '--job-mode'], {
      cwd: dir,
      env: environment(settings),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    own(child)
    createInterface({ input: child.stderr }).on('line', text => log.push({ at: performance.now(), text }))
    const timer = setInterval(() => rss.push(residentBytes(child.pid!) / 1e6), sampleMilliseconds)
    child.once('exit', () => clearInterval(timer))
    const [code] = (await once(child, 'close')) as [number | null]
    return code
  })
  const text = log.map(line => line.text).join('\n')
  if (value !== 0) throw new Error(`the pipeline ended with ${value}:\n${text}`)
  const lineOf = (pattern: RegExp) => {
    const line = log.find(one => pattern.test(one.text))
    if (line === undefined) throw new Error(`the pipeline did not say ${pattern}:\n${text}`)
    return line
  }
  return {
    seconds,
    runSeconds: (lineOf(ends).at - lineOf(runs).at) / 1000,
    cpuSeconds,
    rss: rss.filter(megabytes => megabytes > 0),
    between: (from, to) => (lineOf(to).at - lineOf(from).at) / 1000,
    said: pattern => pattern.exec(lineOf(pattern).text)!,
  }
}

/** Rows that a blackhole took. */
export const discarded = (run: PipelineRun): number => Number(run.said(/(\d+) rows were discarded/)[1])

/** Settings that make an epoch of the whole run. */
export const oneEpoch = {
  checkpoint_interval_sec: 3600,
  checkpoint_max_rows: Number.MAX_SAFE_INTEGER,
  checkpoint_max_bytes: Number.MAX_SAFE_INTEGER,
}

/** Rows that are ready: source `ready_rows`, see `load/ready-rows.ts`. */
export const readyRows = { plugin__path: fileURLToPath(new URL('../load/ready-rows.ts', import.meta.url)) }

/** Seconds that the rows of a source `ready_rows` took, without the start of the process. */
export const busySeconds = (run: PipelineRun): number => run.between(begins, ends)

function environment(settings: Readonly<Record<string, string | number>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE|STREAMLING)__/.test(name))
  const set = Object.entries(settings).map(([name, value]) => [`MILLRACE__${name.toUpperCase()}`, String(value)])
  return Object.fromEntries([...inherited, ...set])
}
