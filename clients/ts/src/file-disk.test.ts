import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { tightDisks } from '../../../gateway/store/sqlite/disk.suite.ts'
import { atEnd } from '../../../gateway/store/sqlite/faults.suite.ts'
import { contentOf, linesOf, segmentName, segmentsOf, spoolError, stateOf } from './file.suite.ts'
import { fileSpool } from './file.ts'

const begun = { key: 'k', epoch: 1, entry: 0, position: 0 }
const line = (n: number) => JSON.stringify({ n, pad: 'x'.repeat(n === 0 ? 3000 : 997) })

for (const [name, disk] of Object.entries(tightDisks))
  describe(`a spool on ${name}`, () => {
    test('refuses without a trace, and goes on by itself once there is room', t => {
      const { folder, fill, free } = disk(t)
      const spool = fileSpool(join(folder, 'spool'))
      atEnd(t, () => spool.close())
      spool.open()
      spool.begin(begun)
      const taken: string[] = []
      const offer = (n: number) => {
        const isTaken = spool.append(line(n))
        if (isTaken) taken.push(line(n))
        return isTaken
      }
      for (let n = 0; n < 3; n++) assert.equal(offer(n), true)
      fill(5000)
      let refused = 0
      for (let n = 3; n < 100; n++) if (!offer(n)) refused++
      assert.ok(refused > 80, `${refused} were refused`)
      free()
      for (let n = 100; n < 110; n++) assert.equal(offer(n), true, `event ${n}`)
      spool.close()
      assert.deepEqual(linesOf(contentOf(join(folder, 'spool'))), taken)
    })

    test('cuts off what a full disk left of an entry, also where the process ends at that point', t => {
      const { folder, fill, free } = disk(t)
      const spool = fileSpool(join(folder, 'spool'))
      atEnd(t, () => spool.close())
      spool.open()
      spool.append('0')
      fill(2000)
      assert.equal(spool.append(JSON.stringify('x'.repeat(300_000))), false)
      free()
      assert.equal(spool.append('1'), true)
      spool.close()
      assert.deepEqual(linesOf(contentOf(join(folder, 'spool'))), ['0', '1'])
    })
  })

const mounted = tightDisks['a full file system']

describe(
  'a spool that has filled its disk itself',
  { skip: mounted ? false : 'no file system may be mounted here' },
  () => {
    /** Nothing more fits; two segments. */
    function filled(t: Parameters<NonNullable<typeof mounted>>[0]) {
      const { folder } = mounted!(t)
      const root = join(folder, 'spool')
      const spool = fileSpool(root)
      atEnd(t, () => spool.close())
      spool.open()
      spool.begin(begun)
      let count = 0
      const pad = 'x'.repeat(9989)
      while (spool.append(JSON.stringify({ pad }))) count++
      while (spool.append('1')) count++
      assert.equal(segmentsOf(root).length, 2)
      return { root, spool, count }
    }

    test('frees it by what is settled', t => {
      const { root, spool, count } = filled(t)
      assert.equal(spool.append('1'), false)
      spool.settle(count - 1, count - 1)
      assert.equal(segmentsOf(root).length, 1)
      assert.deepEqual(stateOf(root), { version: 1, ...begun, entry: count - 1, position: count - 1 })
      assert.equal(spool.append('1'), true)
      spool.close()
      assert.equal(linesOf(contentOf(root)).length, 2)
    })

    test('can be opened, sent under a new epoch, and emptied', t => {
      const { root, spool, count } = filled(t)
      spool.close()
      const again = fileSpool(root)
      atEnd(t, () => again.close())
      assert.equal((again.open() as { next: number }).next, count)
      again.begin({ ...begun, epoch: 2 })
      assert.deepEqual(stateOf(root), { version: 1, ...begun, epoch: 2 })
      again.settle(count, count)
      again.close()
      assert.deepEqual(segmentsOf(root), [])
      assert.deepEqual(contentOf(root).state, { key: 'k', epoch: 2, entry: count, position: count })
    })

    test('drops its oldest entry without a file of drops, and no other', t => {
      const { root, spool, count } = filled(t)
      spool.drop(0, 1)
      assert.deepEqual(stateOf(root), { version: 1, ...begun, entry: 1 })
      spoolError(() => spool.drop(7, 1), /drops: cannot write it: ENOSPC.*make room on that disk/)
      spool.close()
      const content = contentOf(root)
      assert.equal(content.entries.length, count - 1)
      assert.equal(content.entries[0]!.entry, 1)
    })

    test('is an error where it cannot even be made', t => {
      const { folder, fill } = mounted!(t)
      fill()
      const spool = fileSpool(join(folder, 'spool'))
      spool.open()
      spoolError(() => spool.begin(begun), /state\.json: cannot write it: ENOSPC.*make room/)
      assert.equal(existsSync(join(folder, 'spool/state.json.new')), false)
      assert.equal(spool.append('1'), false)
      spool.close()
      assert.deepEqual(segmentsOf(join(folder, 'spool')), [segmentName(0)])
    })
  },
)
