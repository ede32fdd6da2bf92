import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type TightDisk, tightDisks } from '../../../gateway/store/sqlite/disk.suite.ts'
import { until } from '../../../gateway/store/sqlite/faults.suite.ts'
import { judgeTables } from './judge.ts'
import { intoTables } from './pipeline-file.ts'
import type { Scenario } from './scenarios.ts'
import { type Setup, setUp } from './setup.ts'

const makeDisk = tightDisks['a full file system']
const skip = makeDisk === undefined && 'no file system may be mounted here'

const isFull = /(state|sqlite) \S+: (the disk is full: free some space|a write failed, for want of space)/

// Parquet files would need more than the small disk has
const scenario: Scenario = {
  pipeline: intoTables,
  judge: async dir => judgeTables(dir),
  close: async () => {},
}

/** A pipeline whose state lies on a small disk; with `all` its tables and its source, too. */
async function setUpOnDisk(t: TestContext, all = false): Promise<Setup & { disk: TightDisk }> {
  const disk = makeDisk!(t)
  const state = join(disk.folder, 'state.db')
  return { disk, ...(await setUp(t, { scenario, state, ...(all && { dir: disk.folder }) })) }
}

test('a full disk of the state is said, and the pipeline goes on by itself once there is room', { skip }, async t => {
  const { disk, start, send, epoch, judge } = await setUpOnDisk(t)
  const pipeline = start()
  await until('the first epoch', () => epoch() > 0)
  disk.fill()
  send(2000)
  await until('the word that the disk is full', () => isFull.test(pipeline.log()))
  const before = epoch()
  disk.free()
  await until('a new epoch', () => epoch() > before)
  await pipeline.end('SIGKILL')
  await judge()
})

test(
  'a pipeline that gave up over a full disk says so, does not start on it, and has lost nothing',
  { skip },
  async t => {
    const { disk, start, send, epoch, judge } = await setUpOnDisk(t)
    const pipeline = start()
    await until('the first epoch', () => epoch() > 0)
    disk.fill()
    send(2000)
    assert.equal(await pipeline.exited, 1)
    assert.match(pipeline.log(), isFull)
    assert.match(pipeline.log(), /starts again from the last checkpoint in/)
    const another = start()
    assert.equal(await another.exited, 1)
    assert.match(another.log(), isFull)
    disk.free()
    await judge()
  },
)

test('a process that is killed on a full disk has lost nothing', { skip }, async t => {
  const { disk, start, send, epoch, judge } = await setUpOnDisk(t)
  const pipeline = start()
  await until('the first epoch', () => epoch() > 0)
  disk.fill(8192)
  send(2000)
  await until('the word that the disk is full', () => isFull.test(pipeline.log()))
  await pipeline.end('SIGKILL')
  disk.free()
  await judge()
})

test('nor has one whose tables and events are on that disk, too', { skip }, async t => {
  const { disk, start, send, epoch, judge } = await setUpOnDisk(t, true)
  const pipeline = start()
  await until('the first epoch', () => epoch() > 0)
  disk.fill()
  send(2000)
  // the gateway takes nothing now: a pipeline that begins anew is what needs space
  await pipeline.end('SIGKILL')
  const another = start()
  await until('the word that the disk is full', () => isFull.test(another.log()))
  disk.free()
  await another.end('SIGKILL')
  await judge()
})
