import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bar, line, type View } from './progress.ts'

const view: View = { events: 52_000, bytes: 512 * 1024, totalBytes: 1024 * 1024, ms: 2000, waiting: undefined }

test('a line tells events, bytes, rate and what is left', () => {
  assert.equal(line(view), '50%, 52,000 events, 512 KiB of 1 MiB, 26,000 events/s, 2s left')
})

test('without a known size there is nothing left to tell', () => {
  assert.equal(line({ ...view, totalBytes: undefined }), '52,000 events, 512 KiB, 26,000 events/s')
})

test('while it waits it tells why', () => {
  const waiting = 'connection refused; trying again in 2s'
  assert.equal(line({ ...view, waiting }), '52,000 events, 512 KiB of 1 MiB, connection refused; trying again in 2s')
})

test('a bar shows the part that is done', () => {
  assert.equal(bar(view, 120), `[${'#'.repeat(15)}${' '.repeat(15)}] ${line(view)}`)
  assert.equal(bar({ ...view, bytes: view.totalBytes! + 1 }, 120).startsWith(`[${'#'.repeat(30)}] `), true)
})

test('a narrow terminal gets no bar, and never more than its width', () => {
  for (const columns of [10, 40, 70, 80, 200]) assert.ok(bar(view, columns).length < columns)
  assert.equal(bar(view, 72), line(view).slice(0, 71))
})

test('nothing sent yet is no division by zero', () => {
  assert.equal(line({ ...view, events: 0, bytes: 0, ms: 0 }), '0 events, 0 B of 1 MiB, 0 events/s')
  assert.equal(line({ ...view, events: 0, bytes: 0, totalBytes: 0, ms: 0 }), '0 events, 0 B of 0 B, 0 events/s')
})
