import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { judge, readStored, type Stored } from './judge.ts'

const sent = new Map([['s', ['a', 'b', 'c']]])

function verdict(
  acked: number,
  indexes: number[],
  { count = indexes.length, payloads = ['a', 'b', 'c'] } = {},
): string[] {
  const events = indexes.map(index => ({ stream: 's', index, payload: payloads[index] ?? '?' }))
  const stored: Stored = { damage: [], events, counts: new Map([['s', count]]) }
  return judge(stored, { acked: new Map([['s', acked]]), sent }).map(
    ({ violation, message }) => `${violation}: ${message}`,
  )
}

test('acknowledged events that are stored in order are well, with or without later ones', () => {
  assert.deepEqual(verdict(2, [0, 1]), [])
  assert.deepEqual(verdict(2, [0, 1, 2]), [])
  assert.deepEqual(verdict(0, []), [])
})

test('an acknowledged event that is missing is lost', () => {
  assert.deepEqual(verdict(3, [0, 1]), ["lost: 's' lacks 1 of 3 acknowledged events, from 2"])
  const nothing: Stored = { damage: [], events: [], counts: new Map() }
  assert.equal(judge(nothing, { acked: new Map([['s', 1]]), sent })[0]?.violation, 'lost')
})

test('an event that is stored again is a duplicate', () => {
  assert.deepEqual(verdict(2, [0, 1, 1], { count: 2 }), ["duplicate: 's' event 1 is stored again"])
})

test('a hole and a wrong order are told, also among events that were not acknowledged', () => {
  assert.deepEqual(verdict(0, [0, 2], { count: 3 }), ["disordered: 's' event 2 stands where 1 belongs"])
  assert.match(verdict(0, [1, 0], { count: 1 })[0]!, /^disordered: 's' event 1 stands where 0 belongs/)
})

test('an event that was never sent is told, be it another payload, index or stream', () => {
  assert.deepEqual(verdict(1, [0], { payloads: ['x'] }), ["never sent: 's' event 0 is x"])
  assert.deepEqual(verdict(3, [0, 1, 2, 3]), ["never sent: 's' event 3 is ?"])
  const foreign: Stored = { damage: [], events: [{ stream: 't', index: 0, payload: 'a' }], counts: new Map([['t', 1]]) }
  assert.equal(judge(foreign, { acked: new Map(), sent })[0]?.violation, 'never sent')
})

test('a count that differs from the events is told', () => {
  assert.deepEqual(verdict(1, [0], { count: 2 }), ["miscounted: 's' has 1 events and says 2"])
})

test('a file that SQLite cannot read is damaged, no file at all holds nothing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-judge-'))
  try {
    assert.deepEqual(readStored(dir, 'a.db'), { damage: [], events: [], counts: new Map() })
    writeFileSync(join(dir, 'a.db'), Buffer.alloc(8_192, 7))
    const stored = readStored(dir, 'a.db')
    assert.match(stored.damage[0]!, /file is not a database/)
    assert.equal(judge(stored, { acked: new Map(), sent })[0]?.violation, 'damaged')
  } finally {
    rmSync(dir, { recursive: true })
  }
})
