import { randomBytes } from 'node:crypto'
import { Admin } from '@platformatic/kafka'
import { service } from '../support/servers.ts'
import { common, compare, defineBenchmark, note, type Report, toLine } from './harness/benchmark.ts'
import { discarded, runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { pickedSql } from './load/kafka-orders.ts'
import type { KafkaConsumerResult } from './reference/kafka-consumer.ts'

export const benchmark = defineBenchmark({
  about: 'rows/s kafka (Avro) → sql → blackhole ÷ a bare consumer of the same client, broker and topic',
  options: { rounds: common.rounds, rows: 1_000_000, partitions: 4, others: 1 },
  async run({ rounds, rows, partitions, others }, workdir): Promise<Report[]> {
    const { skip, at } = service('kafka')
    const registry = service('registry')
    if (skip || registry.skip) throw new Error(skip || String(registry.skip))
    const brokers = at.KAFKA
    const topic = `bench-${randomBytes(5).toString('hex')}`
    try {
      const { bytes } = await runWorker<{ bytes: number }>('load/kafka-orders.ts', {
        brokers,
        registry: registry.at.REGISTRY,
        topic,
        rows,
        partitions,
      })
      const read = async (way: string) => {
        const one = await runWorker<KafkaConsumerResult>('reference/kafka-consumer.ts', { brokers, topic, rows, way })
        if (one.bytes !== bytes) throw new Error(`${way} has read ${one.bytes} bytes of ${bytes}`)
        return rows / one.seconds
      }
      const { ours, reference } = await alternate(rounds, {
        async ours() {
          const run = await runPipelineFile({
            dir: workdir.fresh(),
            pipeline: {
              sources: { orders: { type: 'kafka', topic } },
              transforms: { picked: { type: 'sql', primary_key: 'id', sql: pickedSql } },
              sinks: { out: { type: 'blackhole', from: 'picked' } },
            },
            settings: { kafka_source__brokers: brokers, kafka_source__schema_registry_url: registry.at.REGISTRY },
          })
          const passed = discarded(run)
          if (passed < rows * 0.7 || passed > rows * 0.8) throw new Error(`${passed} of ${rows} rows came out`)
          return { rowsPerSecond: rows / run.runSeconds, cpuSeconds: run.cpuSeconds, peak: Math.max(...run.rss) }
        },
        reference: async () => ({ rowsPerSecond: await read('fetch') }),
      })
      const detail: Record<string, unknown> = {
        rows,
        partitions,
        bytes_each: bytes / rows,
        cpu_seconds: ours.map(one => one.cpuSeconds),
        peak_mb: ours.map(one => one.peak),
      }
      if (others === 1) {
        for (const way of ['stream', 'kafkajs']) detail[`${way}_rows_per_second`] = await read(way)
        note(toLine(detail))
      }
      return [
        compare({
          bench: 'kafka',
          unit: 'rows/s',
          bar: 0.6,
          aim: 0.9,
          ours: ours.map(one => one.rowsPerSecond),
          reference: reference.map(one => one.rowsPerSecond),
          detail,
        }),
      ]
    } finally {
      const admin = new Admin({ clientId: 'bench', bootstrapBrokers: [brokers] })
      await admin.deleteTopics({ topics: [topic] })
      await admin.close()
    }
  },
})
