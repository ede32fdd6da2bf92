import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGateway } from './gateway.ts'

const acks = (text: string) => createGateway('full').acks({ kind: 'message', fd: 20, bytes: Buffer.from(text) })

test('a reply with a stream and its count is an ack, whatever its status', () => {
  const body = '{"stream":"s","count":7,"accepted":2,"duplicates":0,"rejected":0,"errors":[]}\n'
  assert.deepEqual(acks(`HTTP/1.1 200 OK\r\ncontent-length: 80\r\n\r\n${body}`), [{ stream: 's', count: 7 }])
  assert.deepEqual(acks(`HTTP/1.1 409 Conflict\r\n\r\n{"error":"gap","message":"…","stream":"s","count":3}`), [
    { stream: 's', count: 3 },
  ])
})

test('a chunked reply is an ack too', () => {
  assert.deepEqual(
    acks('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n17\r\n{"stream":"s","count":7}\r\n0\r\n\r\n'),
    [{ stream: 's', count: 7 }],
  )
})

test('other bytes are no acks', () => {
  assert.deepEqual(acks('HTTP/1.1 200 OK\r\nmillrace-count: 7\r\n\r\n'), [])
  assert.deepEqual(acks('HTTP/1.1 503 Service Unavailable\r\n\r\n{"error":"store_busy","message":"…"}\n'), [])
  assert.deepEqual(acks('{"level":30,"msg":"stored","stream":"s","count":7}\n'), [])
  assert.deepEqual(acks('\x01\0\0\0\0\0\0\0'), [])
})
