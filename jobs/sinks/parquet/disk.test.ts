import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tightDisks } from '../../../gateway/store/sqlite/disk.suite.ts'
import { atEnd } from '../../../gateway/store/sqlite/faults.suite.ts'
import { failingStep, seenByManifest, seenByName } from '../../drivers/lake/harness.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchOf, checkpoint } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

const types = { id: 'int64', text: 'utf8' } as const
const rows = (from: number, count: number, bytes: number) =>
  Array.from({ length: count }, (_, at) => ({ id: from + at, text: `${from + at}`.padEnd(bytes, `${from + at}`) }))
const range = (count: number) => Array.from({ length: count }, (_, at) => at)

for (const [kind, make] of Object.entries(tightDisks))
  test(`${kind} is an error that says so, and nothing is lost or doubled once there is room`, async t => {
    const disk = make(t)
    const path = join(disk.folder, 'lake')
    mkdirSync(path)
    const first = await openSink(t, { path, compression: 'none' }, types)
    atEnd(t, () => first.sink.close().catch(() => {}))
    await first.publish(rows(0, 10, 100))
    await first.sink.write(batchOf(types, rows(10, 100, 60_000)), 2)
    disk.fill()
    await assert.rejects(first.sink.commit(checkpoint(2)), {
      code: 'full',
      message: /^parquet .*lake: (the disk is full: free some space|a write failed, for want of space)/,
    })
    await first.sink.close()
    disk.free()
    const next = await openSink(t, { path, compression: 'none' }, types)
    atEnd(t, () => next.sink.close().catch(() => {}))
    assert.deepEqual(await next.sink.begin(), checkpoint(1))
    await next.sink.write(batchOf(types, rows(10, 20, 100)), 2)
    await next.sink.commit(checkpoint(2))
    await next.sink.close()
    assert.deepEqual(await seenByName(path), range(30))
  })

for (const [code, expected] of [
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EROFS', 'unavailable'],
  ['EACCES', 'unavailable'],
  ['EIO', 'unavailable'],
  ['ENOENT', 'state'],
] as const)
  test(`${code} while a manifest is written is ${expected}`, async t => {
    const path = tempFolder(t)
    const { before, state } = failingStep(0)
    const { publish } = await openSink(t, { path }, types, { before })
    await publish(rows(0, 1, 1))
    const at = state.steps.length + (state.steps.length - state.steps.findLastIndex(step => /^copy/.test(step))) / 2
    const faulty = failingStep(Math.round(at), () => Object.assign(new Error(`${code}: made up`), { code }))
    const other = await openSink(t, { path: join(path, 'other') }, types, { before: faulty.before })
    await assert.rejects(other.publish(rows(0, 1, 1), rows(1, 1, 1), rows(2, 1, 1)), { code: expected })
  })

test('a folder that may not be written to is unavailable, and taken up again', async t => {
  const path = tempFolder(t)
  const first = await openSink(t, { path }, types)
  await first.publish(rows(0, 1, 1))
  try {
    // not even root writes past it
    execFileSync('chattr', ['-R', '+i', path], { stdio: 'ignore' })
  } catch {
    return t.skip('the file system has no immutable flag')
  }
  try {
    await first.sink.write(batchOf(types, rows(1, 1, 1)), 2)
    await assert.rejects(first.sink.commit(checkpoint(2)), {
      code: 'unavailable',
      message: /it cannot be written to: check the folder and its owner/,
    })
  } finally {
    execFileSync('chattr', ['-R', '-i', path], { stdio: 'ignore' })
  }
  const next = await openSink(t, { path }, types)
  await next.sink.begin()
  await next.sink.write(batchOf(types, rows(1, 1, 1)), 2)
  await next.sink.commit(checkpoint(2))
  assert.deepEqual(await seenByManifest(path, { open: true }), [0, 1])
})
