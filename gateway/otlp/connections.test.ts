import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Identity } from '../auth.ts'
import { createConnections } from './connections.ts'

const who = (tenant: string) => ({ tenant }) as Identity

test('requests of one connection and tenant share a stream', () => {
  const { streamOf } = createConnections(() => {})
  const [a, b] = [{}, {}]
  const key = streamOf({ connection: a, identity: who('') }).key
  assert.equal(streamOf({ connection: a, identity: who('') }).key, key)
  assert.notEqual(streamOf({ connection: a, identity: who('other') }).key, key)
  assert.notEqual(streamOf({ connection: b, identity: who('') }).key, key)
})

test('the streams of a connection are closed when it goes, also what is stored only after that', () => {
  const closed: number[] = []
  const connections = createConnections(streamId => closed.push(streamId))
  const connection = {}
  const stored = connections.streamOf({ connection, identity: who('') })
  stored.stored(7, 3)
  const late = connections.streamOf({ connection, identity: who('other') })
  connections.gone(connection)
  assert.deepEqual(closed, [7])
  late.stored(8, 1)
  assert.deepEqual(closed, [7, 8])
})
