import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDisk, type Disk } from './disk.ts'
import type { Operation } from './operations.ts'

const old = Buffer.from('old')
const now = Buffer.from('new')

/** The calls of one thread, by what they do to the disk. */
function callsOf(disk: Disk) {
  const begin = (operation: Operation) => disk.apply({ phase: 'begin', operation, result: undefined })
  const end = (operation: Operation, result = 0) => disk.apply({ phase: 'end', operation, result })
  const call = (operation: Operation, result = 0) => {
    begin(operation)
    end(operation, result)
  }
  const write = (file: string, bytes: Buffer, { offset = 0, unlinked = false } = {}): Operation => ({
    kind: 'write',
    ...{ file, unlinked, fd: 3, offset, bytes },
  })
  const sync = (file: string): Operation => ({ kind: 'sync', file, unlinked: false })
  return {
    ...{ begin, end, call, write, sync },
    open: (file: string, options: { truncate?: boolean; append?: boolean; fd?: number } = {}) => {
      const { truncate = false, append = false, fd = 3 } = options
      call({ kind: 'open', file, create: true, truncate, append }, fd)
    },
    written: (...args: Parameters<typeof write>) => call(write(...args), args[1].length),
    next: (file: string, bytes: Buffer) =>
      call({ ...write(file, bytes), offset: undefined } as Operation, bytes.length),
    synced: (file: string) => call(sync(file)),
  }
}

function diskWith(files: Record<string, Buffer>) {
  const disk = createDisk(new Map(Object.entries(files)))
  return { disk, ...callsOf(disk) }
}

/** What a name can hold after a power cut, over many seeds; `gone` where it is missing. */
function outcomes(disk: Disk, file: string): Set<string> {
  return new Set(Array.from({ length: 300 }, (_, seed) => disk.image(seed).get(file)?.toString('latin1') ?? 'gone'))
}

test('what was synced is in every image', () => {
  const { disk, written, synced } = diskWith({ a: old })
  written('a', now)
  synced('a')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['new']))
})

test('what was not synced may be there, be missing, or be damaged', () => {
  const { disk, written } = diskWith({ a: old })
  written('a', now)
  const found = outcomes(disk, 'a')
  for (const possible of ['old', 'new', '\0\0\0', 'nld']) assert.ok(found.has(possible), JSON.stringify(possible))
})

test('a byte that no unsynced write covers is never damaged', () => {
  const { disk, written } = diskWith({ a: Buffer.from('before|old|after') })
  written('a', now, { offset: 7 })
  for (const content of outcomes(disk, 'a')) assert.match(content, /^before\|.{3}\|after$/s)
})

test('a write that only begins may already have reached the disk', () => {
  const { disk, begin, write } = diskWith({ a: old })
  begin(write('a', now))
  assert.ok(outcomes(disk, 'a').has('new'))
})

test('a sync keeps nothing before it has returned', () => {
  const { disk, written, begin, end, sync } = diskWith({ a: old })
  written('a', now)
  const running = sync('a')
  begin(running)
  assert.ok(outcomes(disk, 'a').has('old'))
  end(running)
  assert.deepEqual(outcomes(disk, 'a'), new Set(['new']))
})

test('a sync that fails keeps nothing', () => {
  const { disk, written, call, sync } = diskWith({ a: old })
  written('a', now)
  call(sync('a'), -1)
  assert.ok(outcomes(disk, 'a').has('old'))
})

test('a sync does not cover a write that had not returned when it began', () => {
  const { disk, begin, end, write, synced } = diskWith({ a: old })
  const running = write('a', now)
  begin(running)
  synced('a')
  end(running, now.length)
  assert.ok(outcomes(disk, 'a').has('old'))
  synced('a')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['new']))
})

test('a new file may vanish until its directory is synced, though its content is', () => {
  const { disk, open, written, synced } = diskWith({})
  open('a')
  written('a', now)
  synced('a')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['new', 'gone']))
  synced('')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['new']))
})

test('a removed file may come back until its directory is synced', () => {
  const { disk, call, synced } = diskWith({ a: old })
  call({ kind: 'unlink', file: 'a' })
  assert.deepEqual(outcomes(disk, 'a'), new Set(['old', 'gone']))
  synced('')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['gone']))
})

test('a rename happens whole or not at all', () => {
  const { disk, call } = diskWith({ a: now, b: old })
  call({ kind: 'rename', from: 'a', to: 'b' })
  const pairs = Array.from({ length: 100 }, (_, seed) => disk.image(seed)).map(
    image => `${image.get('a')} ${image.get('b')}`,
  )
  assert.deepEqual(new Set(pairs), new Set(['new old', 'undefined new']))
})

test('a name that was taken again holds either file, never a mixture', () => {
  const { disk, call, open, written, synced } = diskWith({ a: old })
  call({ kind: 'unlink', file: 'a' })
  open('a')
  written('a', now)
  synced('a')
  written('a', Buffer.from('xxx'), { unlinked: true })
  const found = outcomes(disk, 'a')
  for (const possible of ['old', 'xxx', 'new', 'gone']) assert.ok(found.has(possible), possible)
  assert.ok(!found.has('nxx'))
})

test('a truncation counts once it is synced', () => {
  const { disk, call, synced } = diskWith({ a: old })
  call({ kind: 'resize', file: 'a', unlinked: false, size: 1, shrinks: true })
  assert.deepEqual(outcomes(disk, 'a'), new Set(['old', 'o']))
  synced('a')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['o']))
})

test('an allocation grows a file with zeros and never shrinks it', () => {
  const { disk, call, synced } = diskWith({ a: old })
  call({ kind: 'resize', file: 'a', unlinked: false, size: 2, shrinks: false })
  call({ kind: 'resize', file: 'a', unlinked: false, size: 4, shrinks: false })
  synced('a')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['old\0']))
})

test('writes without an offset go on where the descriptor stands, appends at the end', () => {
  const { disk, open, next, call, synced } = diskWith({ a: old })
  open('a')
  next('a', Buffer.from('1'))
  next('a', Buffer.from('2'))
  call({ kind: 'seek', file: 'a', fd: 3 }, 5)
  next('a', Buffer.from('3'))
  open('a', { append: true })
  next('a', Buffer.from('4'))
  synced('a')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['12d\x00\x0034']))
  open('a', { truncate: true })
  next('a', Buffer.from('5'))
  synced('a')
  assert.deepEqual(outcomes(disk, 'a'), new Set(['5']))
})

test('the same seed gives the same image', () => {
  const { disk, written } = diskWith({ a: Buffer.alloc(5_000) })
  for (let offset = 0; offset < 5_000; offset += 100) written('a', Buffer.alloc(100, 1), { offset })
  assert.deepEqual(disk.image(7, 'x'), disk.image(7, 'x'))
  assert.notDeepEqual(disk.image(7, 'x'), disk.image(8, 'x'))
})

test('what cannot be modelled is refused', () => {
  const { written, next, call, write } = diskWith({ a: old })
  assert.throws(() => written('b', now), /'b' is used but was never opened/)
  assert.throws(() => next('a', now), /at a position that is not known/)
  assert.throws(() => call(write('a', now), 2), /took 2 of 3 bytes/)
  assert.throws(() => call(write('a', now), -1), /write of 'a' failed/)
})
