import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createRandom } from './random.ts'
import type { Ack, Subject } from './subject.ts'

/** How the stand-in writes; anything but `full` and `after` must lose acknowledged events. */
export interface StandInOptions {
  synchronous: 'full' | 'normal' | 'off'
  /** when the ack goes out */
  ack: 'after commit' | 'before commit'
}

/** Settings of one run, passed on the command line as JSON. */
export interface StandInSettings extends StandInOptions {
  path: string
  /** bytes */
  page: number
  /** pages of WAL after which SQLite checkpoints by itself */
  autocheckpoint: number
  /** appends in one commit, at most */
  group: number
  /** a checkpoint of this kind after every `checkpointEvery` commits */
  checkpoint: 'passive' | 'restart' | 'truncate'
  checkpointEvery: number
}

/** A line on stdin; the answer on stdout is an `Ack` as JSON. */
export interface StandInAppend {
  stream: string
  /** position of the first payload */
  offset: number
  payloads: readonly string[]
}

const program = fileURLToPath(new URL('stand-in.process.ts', import.meta.url))

/** A writer of the same build as the gateway's: lines in, group commits by a thread of their own, acks out. */
export function createStandIn(options: StandInOptions): Subject {
  return {
    database: 'events.db',
    args(dir, seed) {
      const random = createRandom(seed, 'stand-in')
      const settings: StandInSettings = {
        ...options,
        path: `${dir}/events.db`,
        page: random.pick([1024, 4096, 4096, 4096, 16384]),
        autocheckpoint: random.pick([4, 10, 30, 1000]),
        group: random.pick([1, 2, 4]),
        checkpoint: random.pick(['passive', 'restart', 'truncate']),
        checkpointEvery: random.pick([7, 20, Infinity]),
      }
      return [program, JSON.stringify(settings)]
    },
    async connect({ stdin, stdout }) {
      const waiting = new Map<string, (count: number) => void>()
      createInterface({ input: stdout }).on('line', line => {
        const { stream, count } = JSON.parse(line) as Ack
        waiting.get(stream)?.(count)
      })
      const append = (stream: string, offset: number, payloads: readonly string[]) =>
        new Promise<number>(resolve => {
          waiting.set(stream, resolve)
          stdin.write(`${JSON.stringify({ stream, offset, payloads } satisfies StandInAppend)}\n`)
        })
      return { append, count: stream => append(stream, 0, []), stop: () => void stdin.end() }
    },
    acks({ fd, bytes }) {
      return fd === 1
        ? bytes
            .toString()
            .trim()
            .split('\n')
            .map(line => JSON.parse(line) as Ack)
        : []
    },
  }
}
