import { common, compare, defineBenchmark, type Report } from './harness/benchmark.ts'
import { measureGateway, measureServer } from './harness/measure.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import type { Workdir } from './harness/workdir.ts'
import type { WsSendResult } from './load/ws-send.ts'
import type { SqliteInsertResult } from './reference/sqlite-insert.ts'

const generator = 'load/ws-send.ts'
/** rows per transaction of the reference, as in ingest-post */
const referenceRows = 1000

const options = {
  ...common,
  sockets: 8,
  /** messages of one write in the plain protocol; README.md tells what more than 1 does to the reference */
  messages: 1,
  /** events of one message in `millrace.v1` */
  lines: 500,
  /** events of one socket in flight */
  unacked: 8192,
}

type Options = typeof options

export const benchmark = defineBenchmark({
  about: 'events/s over WebSockets: plain ÷ a bare ws server, millrace.v1 ÷ in-process SQLite',
  options,
  run: async (chosen, workdir) => [await plain(chosen, workdir), await batches(chosen, workdir)],
})

async function plain({ seconds, warmup, rounds, sockets, messages, unacked }: Options, workdir: Workdir) {
  const load = { protocol: 'plain', sockets, batch: messages, unacked, warmup, seconds }
  const { ours, reference } = await alternate(rounds, {
    ours: () => measureGateway<WsSendResult>(workdir, generator, load),
    reference: () => measureServer<WsSendResult>('reference/ws-server.ts', {}, generator, load),
  })
  return compare({
    bench: 'ingest-ws plain',
    unit: 'events/s',
    bar: 0.6,
    aim: 0.9,
    ours: ours.map(one => one.eventsPerSecond),
    reference: reference.map(one => one.eventsPerSecond),
    detail: {
      sockets,
      unacked,
      commit_size: { ours: ours.map(one => one.commitSize) },
      verified_events: ours.map(one => one.acked),
      generator_cpu: { ours: ours.map(one => one.cpu), reference: reference.map(one => one.cpu) },
    },
  })
}

async function batches(chosen: Options, workdir: Workdir): Promise<Report> {
  const { seconds, warmup, rounds, sockets, lines, unacked } = chosen
  const load = { protocol: 'millrace.v1', sockets, batch: lines, unacked, warmup, seconds }
  const { ours, reference } = await alternate(rounds, {
    ours: () => measureGateway<WsSendResult>(workdir, generator, load),
    reference: () =>
      runWorker<SqliteInsertResult>('reference/sqlite-insert.ts', {
        dir: workdir.fresh(),
        rows: referenceRows,
        warmup,
        seconds,
      }),
  })
  return compare({
    bench: 'ingest-ws millrace.v1',
    unit: 'events/s',
    bar: 0.6,
    aim: 0.9,
    ours: ours.map(one => one.eventsPerSecond),
    reference: reference.map(one => one.eventsPerSecond),
    detail: {
      sockets,
      lines,
      unacked,
      commit_size: { ours: ours.map(one => one.commitSize), reference: referenceRows },
      verified_events: ours.map(one => one.acked),
      generator_cpu: ours.map(one => one.cpu),
    },
  })
}
