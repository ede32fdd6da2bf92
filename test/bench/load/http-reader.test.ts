import assert from 'node:assert/strict'
import { test } from 'node:test'
import { responseReader } from './http-reader.ts'

const wire = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello' +
    'HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n' +
    'HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n' +
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: now\r\n\r\nworld',
)
const expected = [
  [200, 'hello'],
  [503, ''],
  [400, 'abcabcdefghijklmnopqrstuvwxyz'],
  [200, 'world'],
]

function read(...chunks: Buffer[]): unknown[] {
  const seen: unknown[] = []
  const reader = responseReader((status, buffer, start, end) =>
    seen.push([status, buffer.toString('utf8', start, end)]),
  )
  // a reader must keep what it needs: the socket's buffer is overwritten after each chunk
  const shared = Buffer.alloc(wire.length)
  for (const chunk of chunks) {
    chunk.copy(shared)
    reader.push(shared.subarray(0, chunk.length))
    shared.fill(0)
  }
  return seen
}

test('responses are read whole, wherever the chunks are cut', () => {
  assert.deepEqual(read(wire), expected)
  for (let cut = 0; cut <= wire.length; cut++) {
    assert.deepEqual(read(wire.subarray(0, cut), wire.subarray(cut)), expected, `cut at ${cut}`)
  }
  assert.deepEqual(read(...Array.from(wire, byte => Buffer.from([byte]))), expected)
})

test('a response whose length is unknown is an error, not a wait', () => {
  assert.throws(() => read(Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')), /without a length/)
  assert.throws(() => read(Buffer.from('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n')), /not an HTTP\/1.1/)
})
