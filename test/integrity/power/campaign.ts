import { existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDisk } from './disk.ts'
import { judge, readStored, type Violation } from './judge.ts'
import { createDecoder, type Moment } from './operations.ts'
import { produce } from './producer.ts'
import { createRandom } from './random.ts'
import { record } from './record.ts'
import type { Ack, Subject } from './subject.ts'
import { readTrace } from './trace.ts'
import { createWorkload, type Workload } from './workload.ts'

/** One thing that a power cut broke. */
export interface Finding {
  generation: number
  /** index of the moment in the trace after which power failed, and how many there are */
  moment: number
  moments: number
  violation: Violation
  message: string
}

export interface SeedOptions {
  seed: number
  /** Where traces and images lie. A trace that is already there is judged instead of a new recording. */
  workspace: string
  /** Each begins on what a power cut of the one before left. Default 2 */
  generations?: number
  /** power cuts in each generation. Default 8 */
  cuts?: number
  /** A disk that only says that it has synced these files ('': the directory). Default: none */
  liesAbout?: (file: string) => boolean
}

/** What a generation begins on. */
interface Start {
  files: ReadonlyMap<string, Uint8Array>
  acked: Counts
}

type Counts = ReadonlyMap<string, number>
type Recording = { moment: Moment; acks: Ack[] }[]

/** Records the subject at work, cuts the power at moments that the seed chooses, and judges what is left each time. */
export async function runSeed(subject: Subject, options: SeedOptions): Promise<Finding[]> {
  const { seed, generations = 2, cuts = 8, liesAbout = () => false } = options
  mkdirSync(options.workspace, { recursive: true })
  const workspace = realpathSync(options.workspace)
  const workload = createWorkload(seed, generations)
  let start: Start = { files: new Map(), acked: new Map() }
  for (let generation = 1; generation <= generations; generation++) {
    const recording = await recorded(subject, { seed, workspace, workload, generation, files: start.files })
    const cutAfter = chooseCuts(recording, cuts, seed, generation)
    const successor = createRandom(seed, generation, 'successor').pick(cutAfter)
    const disk = createDisk(start.files)
    const acked = new Map(start.acked)
    const findings: Finding[] = []
    for (const [index, { moment, acks }] of recording.entries()) {
      if (moment.operation.kind !== 'sync' || !liesAbout(moment.operation.file)) disk.apply(moment)
      for (const ack of acks) raise(acked, ack)
      if (!cutAfter.includes(index)) continue
      const image = disk.image(seed, generation, index)
      writeFiles(join(workspace, 'image'), image)
      const stored = readStored(join(workspace, 'image'), subject.database)
      const found = judge(stored, { acked, sent: workload.events })
      if (found.length > 0) writeFiles(join(workspace, `generation-${generation}-moment-${index}`), image)
      findings.push(...found.map(one => ({ generation, moment: index, moments: recording.length, ...one })))
      if (index === successor) start = { files: image, acked: new Map(acked) }
    }
    // the next generation would only repeat them
    if (findings.length > 0) return findings
  }
  return []
}

/** One generation: from the trace in the workspace, or from a recording that leaves it there. */
async function recorded(
  subject: Subject,
  run: { seed: number; workspace: string; workload: Workload; generation: number; files: Start['files'] },
): Promise<Recording> {
  const dir = join(run.workspace, 'data')
  const trace = join(run.workspace, `generation-${run.generation}.trace`)
  let received: Ack[] = []
  if (!existsSync(trace)) {
    writeFiles(dir, run.files)
    const target = run.workload.targets[run.generation - 1]!
    const work = (connection: Parameters<typeof produce>[0]) => produce(connection, run.workload, target)
    received = await record(subject, { dir, trace, seed: run.seed, work })
  }
  const recording: Recording = []
  const decoder = createDecoder(dir)
  await readTrace(trace, step => {
    const moment = decoder.decode(step)
    if (moment !== undefined) recording.push({ moment, acks: acksOf(subject, moment) })
  })
  const seen = new Map<string, number>()
  for (const { acks } of recording) for (const ack of acks) raise(seen, ack)
  for (const { stream, count } of received) {
    if (seen.get(stream) === count) continue
    throw new Error(`'${stream}': the producer received the ack ${count}, the trace shows ${seen.get(stream)}`)
  }
  return recording
}

/** An ack counts from the moment in which the process begins to send it. */
function acksOf(subject: Subject, { phase, operation }: Moment): Ack[] {
  return phase === 'begin' && operation.kind === 'message' ? subject.acks(operation) : []
}

function raise(counts: Map<string, number>, { stream, count }: Ack): void {
  counts.set(stream, Math.max(count, counts.get(stream) ?? 0))
}

/** Half of them anywhere, half just after an ack, where a store that acknowledges too early has the most to lose. */
function chooseCuts(recording: Recording, cuts: number, ...seed: number[]): number[] {
  const random = createRandom(...seed, 'cuts')
  const acks = Array.from(recording.keys()).filter(index => recording[index]!.acks.length > 0)
  const anywhere = () => random.below(recording.length)
  return Array.from({ length: cuts }, (_, k) => (k % 2 === 0 ? anywhere() : random.pick(acks)))
}

function writeFiles(dir: string, files: ReadonlyMap<string, Uint8Array>): void {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
  for (const [name, bytes] of files) writeFileSync(join(dir, name), bytes)
}
