import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Message, readMessages } from './sse.ts'

const text =
  ': hello\n\nid: 1\ndata: {"a":"ä"}\n\nid: 2\r\nevent: cut\r\ndata: one\r\ndata:two\r\n\r\n:beat\rdata\r\r: beat\nid: 7\n\ndata: unfinished\n'

const expected: Message[] = [
  { event: 'message', data: '{"a":"ä"}', id: '1' },
  { event: 'cut', data: 'one\ntwo', id: '2' },
  { event: 'message', data: '', id: '2' },
  { event: 'message', data: undefined, id: '7' },
]

async function read(chunks: Uint8Array[]): Promise<Message[]> {
  async function* source() {
    yield* chunks
  }
  return Array.fromAsync(readMessages(source()))
}

test('messages are read with their event, data and last id; comments and an unfinished message are not', async () => {
  assert.deepEqual(await read([Buffer.from(text)]), expected)
})

test('bytes may be cut anywhere, inside characters and line ends too', async () => {
  const bytes = Buffer.from(text)
  for (let at = 0; at <= bytes.length; at++)
    assert.deepEqual(await read([bytes.subarray(0, at), bytes.subarray(at)]), expected, `cut at ${at}`)
  assert.deepEqual(await read(Array.from(bytes, byte => Buffer.from([byte]))), expected)
})
