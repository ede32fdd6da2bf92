import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines, pipelineFolder } from '../../../test/support/pipeline.ts'
import { service } from '../../../test/support/servers.ts'
import { makeTopic, produce, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { batchesOf } from '../../runtime/harness/source.suite.ts'
import { retry } from '../../runtime/run/retry.ts'
import { settingsSchema } from '../../settings.ts'
import { config, kafka } from './kafka.ts'

/** A position that the log does not have, as a pipeline tells of it: through the retries of the runtime. */

const { skip, at } = service('kafka')
const brokers = at.KAFKA
const json = { data_format: 'json', schema: { id: 'int64' }, primary_key: 'id' }
const messages = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({ value: JSON.stringify({ id: from + at }) }))

const removeBefore = (topic: string, offset: number) =>
  withAdmin(brokers, async admin => {
    // it knows no leaders otherwise
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${offset}` }] })
  })

test('a run that finds messages gone since the last one names them and the way out', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const folder = pipelineFolder(t)
  const sources = { rows: { type: 'kafka', topic, ...json } }
  folder.write('rows.yaml', JSON.stringify({ sources, sinks: { out: { type: 'print', from: 'rows' } } }))
  const run = () => folder.millrace(['run', 'rows.yaml', '--job-mode'], { MILLRACE__KAFKA_SOURCE__BROKERS: brokers })
  await produce(brokers, topic, messages(0, 3))
  assert.equal(lines((await run()).stdout).length, 3)
  await produce(brokers, topic, messages(3, 7))
  await removeBefore(topic, 5)
  const { code, stdout, stderr } = await run()
  assert.notEqual(code, 0)
  assert.equal(stdout, '')
  assert.ok(
    stderr.includes(
      `kafka ${brokers}: topic ${topic}, partition 0: messages 3 to 4 are gone, since the log now begins at 5 (retention): rows would be missing. Reset the pipeline to go on with what is there`,
    ),
    stderr,
  )
})

for (const [what, offset, expected] of [
  ['before the log', 1, { code: 'bad_data', message: /partition 0: messages 1 to 1 are gone, .* begins at 2 / }],
  ['behind the log', 50, { code: 'state', message: /: the position is 50, and the log ends at 3: it was cut off/ }],
] as const)
  test(`a position ${what} is told with where the log is`, { skip }, async t => {
    const topic = await makeTopic(t, brokers)
    await produce(brokers, topic, messages(0, 3))
    await removeBefore(topic, 2)
    const kept = watched()
    t.after(() => kept.abort())
    const { signal } = kept
    const source = await kafka.open(config.parse({ topic, ...json }), {
      ...kept,
      settings: settingsSchema.parse({ kafka_source: { brokers } }),
      retry: (what, attempt) => retry(what, attempt, { signal, onRetry() {}, onEnd() {} }),
    })
    t.after(() => source.close())
    const position = { ...(await source.start()), [`${topic}:0`]: { offset, begin: 0 } }
    await assert.rejects(batchesOf(source, position, { count: 1 }), expected)
  })
