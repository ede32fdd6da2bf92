import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDecoder, type Operation } from './operations.ts'
import { createTraceParser } from './trace.ts'

const hex = (text: string) => Array.from(Buffer.from(text), byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
const quote = (text: string) => `"${hex(text)}"`
const fd = (number: number, path: string) => `${number}<${hex(path)}>`
const cwd = `AT_FDCWD<${hex('/')}>`

function operations(line: string): Operation[] {
  const decoder = createDecoder('/data')
  const moments = createTraceParser()
    .parse(`7 ${line}`)
    .map(step => decoder.decode(step))
  return moments.flatMap(moment => (moment?.phase === 'begin' ? [moment.operation] : []))
}

test('positional writes carry the file, the offset and the bytes', () => {
  const write = { kind: 'write', file: 'a.db', unlinked: false, fd: 3 }
  assert.deepEqual(operations(`pwrite64(${fd(3, '/data/a.db')}, ${quote('xyz')}, 3, 4096) = 3`), [
    { ...write, offset: 4096, bytes: Buffer.from('xyz') },
  ])
  const parts = `[{iov_base=${quote('xy')}, iov_len=2}, {iov_base=${quote('z')}, iov_len=1}]`
  assert.deepEqual(operations(`pwritev(${fd(3, '/data/a.db')}, ${parts}, 2, 5) = 3`), [
    { ...write, offset: 5, bytes: Buffer.from('xyz') },
  ])
  assert.deepEqual(operations(`write(${fd(3, '/data/a.db')}, ${quote('xyz')}, 3) = 3`), [
    { ...write, offset: undefined, bytes: Buffer.from('xyz') },
  ])
})

test('a write to a file that has lost its name is marked', () => {
  const [operation] = operations(`pwrite64(${fd(3, '/data/a.db')}(deleted), ${quote('x')}, 1, 0) = 1`)
  assert.equal(operation?.kind === 'write' && operation.unlinked, true)
})

test('what goes to sockets and pipes is a message, however it is sent', () => {
  const message = { kind: 'message', fd: 9, bytes: Buffer.from('200 OK') }
  const parts = `[{iov_base=${quote('200')}, iov_len=3}, {iov_base=${quote(' OK')}, iov_len=3}]`
  for (const line of [
    `write(${fd(9, 'pipe:[77]')}, ${quote('200 OK')}, 6) = 6`,
    `writev(${fd(9, 'socket:[77]')}, ${parts}, 2) = 6`,
    `sendto(${fd(9, 'socket:[77]')}, ${quote('200 OK')}, 6, MSG_NOSIGNAL, NULL, 0) = 6`,
    `sendmsg(${fd(9, 'socket:[77]')}, {msg_name=NULL, msg_iov=${parts}, msg_iovlen=2, msg_flags=0}, 0) = 6`,
  ]) {
    assert.deepEqual(operations(line), [message], line)
  }
})

test('opening tells whether the file is made, emptied or appended to', () => {
  const open = { kind: 'open', file: 'é >', create: true, truncate: false, append: false }
  const path = quote('/data/é >')
  assert.deepEqual(operations(`openat(${cwd}, ${path}, O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3`), [open])
  assert.deepEqual(operations(`openat(${cwd}, ${path}, O_WRONLY|O_CREAT|O_TRUNC, 0644) = 3`), [
    { ...open, truncate: true },
  ])
  assert.deepEqual(operations(`openat(${cwd}, ${path}, O_WRONLY|O_APPEND) = 3`), [
    { ...open, create: false, append: true },
  ])
  assert.deepEqual(operations(`creat(${path}, 0644) = 3`), [{ ...open, truncate: true }])
})

test('syncs, sizes and names of the directory are seen', () => {
  const file = fd(3, '/data/a')
  const resize = { kind: 'resize', file: 'a', unlinked: false, shrinks: true }
  assert.deepEqual(operations(`fsync(${file}) = 0`), [{ kind: 'sync', file: 'a', unlinked: false }])
  assert.deepEqual(operations(`fdatasync(${file}) = 0`), [{ kind: 'sync', file: 'a', unlinked: false }])
  assert.deepEqual(operations(`fsync(${fd(4, '/data')}) = 0`), [{ kind: 'sync', file: '', unlinked: false }])
  assert.deepEqual(operations(`ftruncate(${file}, 512) = 0`), [{ ...resize, size: 512 }])
  assert.deepEqual(operations(`truncate(${quote('/data/a')}, 512) = 0`), [{ ...resize, size: 512 }])
  assert.deepEqual(operations(`fallocate(${file}, 0, 512, 100) = 0`), [{ ...resize, size: 612, shrinks: false }])
  assert.deepEqual(operations(`lseek(${file}, 5, SEEK_SET) = 5`), [{ kind: 'seek', file: 'a', fd: 3 }])
  assert.deepEqual(operations(`unlink(${quote('/data/a')}) = 0`), [{ kind: 'unlink', file: 'a' }])
  assert.deepEqual(operations(`unlinkat(${cwd}, ${quote('/data/a')}, 0) = 0`), [{ kind: 'unlink', file: 'a' }])
  assert.deepEqual(operations(`renameat2(${cwd}, ${quote('/data/a')}, ${cwd}, ${quote('/data/b')}, 0) = 0`), [
    { kind: 'rename', from: 'a', to: 'b' },
  ])
})

test('other directories, the wal-index and private mappings are left out', () => {
  for (const line of [
    `pwrite64(${fd(3, '/database/a')}, ${quote('x')}, 1, 0) = 1`,
    `write(${fd(3, '/tmp/log')}, ${quote('x')}, 1) = 1`,
    `ftruncate(${fd(3, '/data/a.db-shm')}, 3) = 0`,
    `mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, ${fd(3, '/data/a.db-shm')}, 0) = 0x7f00`,
    `mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, ${fd(3, 'anon_inode:[io_uring]')}, 0) = 0x7f00`,
    `mmap(NULL, 32768, PROT_READ, MAP_SHARED, ${fd(3, '/data/a.db')}, 0) = 0x7f00`,
    `mkdir(${quote('/tmp/x')}, 0755) = 0`,
  ]) {
    assert.deepEqual(operations(line), [], line)
  }
})

test('what the disk model lacks is refused, not overlooked', () => {
  for (const line of [
    `mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, ${fd(3, '/data/a.db')}, 0) = 0x7f00`,
    `mkdir(${quote('/data/x')}, 0755) = 0`,
    `link(${quote('/tmp/x')}, ${quote('/data/x')}) = 0`,
    `rename(${quote('/tmp/x')}, ${quote('/data/x')}) = 0`,
    `fallocate(${fd(3, '/data/a')}, FALLOC_FL_PUNCH_HOLE, 0, 4096) = 0`,
    `copy_file_range(${fd(3, '/tmp/a')}, NULL, ${fd(4, '/data/a')}, NULL, 100, 0) = 100`,
  ]) {
    assert.throws(() => operations(line), /changes files in a way that the disk model lacks/, line)
  }
})

test('a string that strace cut is refused', () => {
  const line = `pwrite64(${fd(3, '/data/a')}, ${quote('xyz')}..., 4096, 0) = 4096`
  assert.throws(() => operations(line), /strace cut a string of pwrite64: raise -s/)
})
