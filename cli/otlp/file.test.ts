import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Producer, timestamp, u16 } from '../../core/otlp/otap/otap.suite.ts'
import { temporaryFolder } from '../harness/command.suite.ts'
import { createOtapStreams } from './document.ts'
import { importFile, type Run } from './file.ts'
import { lines, logs } from './otlp.suite.ts'
import { openSources } from './source.ts'

const folder = temporaryFolder()
after(folder.remove)

/** A run whose target calls `onPut`, and takes everything. */
function runWith(onPut: () => void): Run {
  return {
    target: {
      count: async () => 0,
      async put() {
        onPut()
        return { rejected: 0, message: '' }
      },
      finish: async () => [],
      close: async () => {},
    },
    decode: {},
    otap: createOtapStreams(),
    stream: 'k',
    skip: false,
    tellRefused: false,
    signal: new AbortController().signal,
    onProgress: () => {},
    place: undefined,
  }
}

async function imported(path: string, onPut: () => void) {
  const { list } = await openSources([path], new AbortController().signal)
  return importFile(list[0]!, { name: path, format: 'ndjson', signal: undefined }, runWith(onPut))
}

test('what is added to a file while it is imported is left out', async () => {
  const path = join(folder.path, 'grows.jsonl')
  writeFileSync(path, lines([logs(['a'])]))
  const { list } = await openSources([path], new AbortController().signal)
  writeFileSync(path, lines([logs(['a']), logs(['b'])]))
  const named = { name: path, format: 'ndjson', signal: undefined } as const
  assert.equal(
    (
      await importFile(
        list[0]!,
        named,
        runWith(() => {}),
      )
    ).accepted,
    1,
  )
})

test('a file that changes between the look at it and its import fails', async () => {
  const path = join(folder.path, 'changes.jsonl')
  const content = lines(Array.from({ length: 20 }, () => logs(['x'.repeat(400_000)])))
  writeFileSync(path, content)
  const change = () => writeFileSync(path, content.replaceAll('x', 'y'))
  await assert.rejects(imported(path, change), /changes\.jsonl: it changed while it was read: import it again/)
})

test('behind an OTAP message that cannot be read a new stream begins', () => {
  const message = (producer: Producer) =>
    producer.message({ LOGS: [u16('id', [0]), timestamp('time_unix_nano', [1n])] })
  const streams = createOtapStreams()
  const first = new Producer()
  streams.decode('logs', message(first))
  assert.throws(() => streams.decode('logs', message(first).subarray(0, -9)), /OTAP message 1/)
  assert.throws(() => streams.decode('logs', message(first)), /does not begin with a schema/)
  assert.ok(streams.decode('logs', message(new Producer())).length > 0)
})
