import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { contentOf, linesOf, openSpool, segmentName, segmentsOf, stateOf, tempFolder } from './file.suite.ts'
import { fileSpool } from './file.ts'

const begun = { key: 'orders', epoch: 3, entry: 0, position: 10 }
const mebi = 1024 * 1024

describe('a spool in a folder', () => {
  test('is new where there is nothing, and makes its folder for its user alone', t => {
    const folder = join(tempFolder(t), 'a/b')
    const { content, append } = openSpool(t, folder)
    assert.deepEqual(content, { state: undefined, entries: [], next: 0 })
    assert.equal(append('1'), true)
    const modeOf = (path: string) => statSync(path).mode & 0o777
    assert.equal(modeOf(folder), 0o700)
    assert.equal(modeOf(join(folder, segmentName(0))), 0o600)
    assert.equal(modeOf(join(folder, 'lock')), 0o600)
  })

  test('gives back what was appended, in order, byte for byte', t => {
    const folder = tempFolder(t)
    const lines = ['{"a":"ä€😀\\u0000"}', '"\ufeff"', `"${'x'.repeat(200_000)}"`, `"${'ß'.repeat(30_000)}"`, '0']
    const spool = openSpool(t, folder)
    spool.begin(begun)
    for (const line of lines) assert.equal(spool.append(line), true)
    spool.close()
    const content = contentOf(folder)
    assert.deepEqual(linesOf(content), lines)
    assert.deepEqual(content.state, begun)
    assert.equal(content.next, 5)
  })

  test('has an entry in its file when append returns, as one line of NDJSON', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.append('{"n":1}')
    assert.equal(readFileSync(join(folder, segmentName(0)), 'utf8'), '{"n":1}\n')
    spool.append('{"n":2}')
    assert.equal(readFileSync(join(folder, segmentName(0)), 'utf8'), '{"n":1}\n{"n":2}\n')
  })

  test('keeps entries that came before the first begin', t => {
    const folder = tempFolder(t)
    const first = openSpool(t, folder)
    first.append('1')
    first.close()
    const second = openSpool(t, folder)
    assert.deepEqual(second.content, { state: undefined, entries: [{ entry: 0, line: '1' }], next: 1 })
    second.append('2')
    second.close()
    assert.deepEqual(linesOf(contentOf(folder)), ['1', '2'])
  })

  test('writes the state of begin before it returns', t => {
    const folder = tempFolder(t)
    openSpool(t, folder).begin(begun)
    assert.deepEqual(stateOf(folder), { version: 1, ...begun })
  })

  test('remembers at close what was settled, and keeps numbering', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.begin(begun)
    for (const line of ['0', '1', '2']) spool.append(line)
    spool.settle(2, 12)
    spool.close()
    const content = contentOf(folder)
    assert.deepEqual(content.state, { ...begun, entry: 2, position: 12 })
    assert.deepEqual(content.entries, [{ entry: 2, line: '2' }])
    assert.equal(content.next, 3)
  })

  test('leaves no segment when it is closed with all settled', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.begin(begun)
    spool.append('0')
    spool.settle(1, 11)
    spool.close()
    assert.deepEqual(segmentsOf(folder), [])
    const again = openSpool(t, folder)
    assert.equal(again.content.next, 1)
    again.append('1')
    assert.deepEqual(segmentsOf(folder), [segmentName(1)])
  })

  test('begins a segment at 4 MiB and removes those that are settled, the state first', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.begin(begun)
    const line = JSON.stringify('x'.repeat(mebi))
    for (let i = 0; i < 9; i++) spool.append(line)
    assert.deepEqual(segmentsOf(folder), [0, 4, 8].map(segmentName))
    spool.settle(3, 13)
    assert.deepEqual(stateOf(folder), { version: 1, ...begun }, 'put off while no segment can go')
    spool.settle(7, 17)
    assert.deepEqual(segmentsOf(folder), [4, 8].map(segmentName))
    assert.deepEqual(stateOf(folder), { version: 1, ...begun, entry: 7, position: 17 })
    spool.close()
    assert.deepEqual(
      contentOf(folder).entries.map(({ entry }) => entry),
      [7, 8],
    )
  })

  test('goes on in its last segment', t => {
    const folder = tempFolder(t)
    for (const line of ['0', '1', '2']) {
      const spool = openSpool(t, folder)
      spool.append(line)
      spool.close()
    }
    assert.deepEqual(segmentsOf(folder), [segmentName(0)])
    assert.deepEqual(linesOf(contentOf(folder)), ['0', '1', '2'])
  })

  test('leaves out what was dropped, also when it was not closed', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.begin(begun)
    for (let i = 0; i < 8; i++) spool.append(String(i))
    spool.drop(2, 2)
    spool.drop(4, 1)
    spool.drop(7, 1)
    assert.equal(readFileSync(join(folder, 'drops'), 'utf8'), '2 2\n4 1\n7 1\n')
    spool.close()
    const content = contentOf(folder)
    assert.deepEqual(
      content.entries.map(({ entry }) => entry),
      [0, 1, 5, 6],
    )
    assert.equal(content.next, 8)
  })

  test('takes drops of the oldest entries for settled, so that their segments go', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.begin(begun)
    const line = JSON.stringify('x'.repeat(mebi))
    for (let i = 0; i < 6; i++) spool.append(line)
    for (let i = 0; i < 5; i++) spool.drop(i, 1)
    assert.deepEqual(segmentsOf(folder), [segmentName(4)])
    assert.deepEqual(stateOf(folder), { version: 1, ...begun, entry: 4 })
    spool.close()
    assert.deepEqual(contentOf(folder).state, { ...begun, entry: 5 })
  })

  test('keeps the file of drops short', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.begin(begun)
    for (let i = 0; i < 20_000; i++) spool.append('0')
    for (let i = 1; i < 20_000; i++) spool.drop(i, 1)
    assert.ok(statSync(join(folder, 'drops')).size < 4096 * 10)
    spool.close()
    assert.deepEqual(contentOf(folder).entries, [{ entry: 0, line: '0' }])
  })

  test('keeps the file of drops short also where they are far apart', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.begin(begun)
    for (let i = 0; i < 20_000; i++) spool.append('0')
    for (let i = 1; i < 20_000; i += 2) {
      spool.drop(i, 1)
      spool.settle(i + 1, 10 + (i + 1) / 2)
    }
    assert.ok(statSync(join(folder, 'drops')).size < 4096 * 10)
  })

  test('cuts off a last line that was not finished, of entries and of drops', t => {
    const folder = tempFolder(t)
    const first = openSpool(t, folder)
    first.begin(begun)
    for (const line of ['0', '1', '2']) first.append(line)
    first.drop(1, 1)
    first.close()
    appendFileSync(join(folder, segmentName(0)), '{"torn":')
    appendFileSync(join(folder, 'drops'), '2')
    const second = openSpool(t, folder)
    assert.deepEqual(linesOf(second.content), ['0', '2'])
    second.append('3')
    second.drop(2, 1)
    second.close()
    assert.deepEqual(linesOf(contentOf(folder)), ['0', '3'])
  })

  test('gives the numbers of entries that a power cut took away to new ones, dropped or settled as they were', t => {
    const folder = tempFolder(t)
    const first = openSpool(t, folder)
    first.begin(begun)
    for (let i = 0; i < 5; i++) first.append(String(i))
    first.drop(3, 2)
    first.close()
    writeFileSync(join(folder, segmentName(0)), '0\n1\n2\n')
    const second = openSpool(t, folder)
    assert.equal(second.content.next, 3)
    for (const line of ['new 3', 'new 4']) second.append(line)
    second.settle(5, 15)
    second.close()
    writeFileSync(join(folder, segmentName(2)), '2\n')
    const third = openSpool(t, folder)
    assert.deepEqual([third.content.next, third.content.entries], [5, []])
    third.append('5')
    third.close()
    assert.deepEqual(contentOf(folder).entries, [{ entry: 5, line: '5' }])
  })

  test('keeps nothing once it is closed, and may be opened anew', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    spool.close()
    assert.equal(spool.append('1'), false)
    assert.deepEqual(contentOf(folder).entries, [])
    const again = fileSpool(folder)
    again.open()
    assert.equal(again.append('1'), true)
    again.close()
  })
})
