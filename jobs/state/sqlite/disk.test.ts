import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { tightDisks } from '../../../gateway/store/sqlite/disk.suite.ts'
import { atEnd } from '../../../gateway/store/sqlite/faults.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { letterOf } from '../state.suite.ts'
import { openSqliteState } from './sqlite.ts'

const large = { ...letterOf('a'), row: JSON.stringify('x'.repeat(1 << 20)) }

for (const [kind, make] of Object.entries(tightDisks))
  test(`${kind} is unavailable, leaves no part of a change, and writing goes on once there is room`, async t => {
    const disk = make(t)
    const state = await openSqliteState(join(disk.folder, 'state.db'))
    atEnd(t, () => state.close())
    await state.write('n', { set: new Map([['k', 1]]) })
    disk.fill(64 * 1024)
    await assert.rejects(state.write('n', { set: new Map([['k', 2]]), dead: [large] }), {
      code: 'unavailable',
      message: /state\.db: (the disk is full: free some space|a write failed, for want of space)/,
    })
    disk.free()
    assert.deepEqual(await state.read('n'), new Map([['k', 1]]))
    assert.equal(await state.countDeadLetters('n'), 0)
    await state.write('n', { set: new Map([['k', 3]]), dead: [large] })
    assert.equal((await state.read('n')).get('k'), 3)
  })

/** Sets the immutable flag, which not even root writes past; false where the file system has none. */
function setImmutable(file: string): boolean {
  try {
    execFileSync('chattr', ['+i', file], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('a read-only file can be read, says so to a write, and takes writes again', async t => {
  const path = join(tempFolder(t), 'state.db')
  const before = await openSqliteState(path)
  await before.write('n', { set: new Map([['k', 1]]) })
  await before.close()
  if (!setImmutable(path)) return t.skip('the file system has no immutable flag')
  const release = () => execFileSync('chattr', ['-i', path], { stdio: 'ignore' })
  try {
    const state = await openSqliteState(path)
    t.after(() => state.close())
    assert.deepEqual(await state.read('n'), new Map([['k', 1]]))
    const refused = { code: 'unavailable', message: /state\.db: the database cannot be opened for writing/ }
    await assert.rejects(state.write('n', { set: new Map([['k', 2]]) }), refused)
    release()
    await state.write('n', { set: new Map([['k', 2]]) })
    assert.deepEqual(await state.read('n'), new Map([['k', 2]]))
  } finally {
    release()
  }
})
