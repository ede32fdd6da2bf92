import { relative, resolve } from 'node:path'
import type { Call, Step } from './trace.ts'

/** What a call does to the files of one directory. `file` is a name in it, '' the directory itself. */
export type Operation =
  | { kind: 'open'; file: string; create: boolean; truncate: boolean; append: boolean }
  | { kind: 'seek'; file: string; fd: number }
  /** offset undefined: at the descriptor's own position */
  | { kind: 'write'; file: string; unlinked: boolean; fd: number; offset: number | undefined; bytes: Buffer }
  | { kind: 'resize'; file: string; unlinked: boolean; size: number; shrinks: boolean }
  | { kind: 'sync'; file: string; unlinked: boolean }
  | { kind: 'unlink'; file: string }
  | { kind: 'rename'; from: string; to: string }
  | Message

/** Bytes that leave the process: to a socket or a pipe. */
export interface Message {
  kind: 'message'
  fd: number
  bytes: Buffer
}

export interface Moment {
  phase: 'begin' | 'end'
  /** the same object at begin and end */
  operation: Operation
  /** at the end: what the call returned; undefined where the trace stopped before */
  result: number | undefined
}

/** What is decoded, and (the last two lines) what must be seen in order to be refused. */
export const tracedCalls = [
  ...['open', 'openat', 'creat', 'lseek', 'write', 'writev', 'sendto', 'sendmsg', 'pwrite64', 'pwritev'],
  ...['ftruncate', 'truncate', 'fallocate', 'fsync', 'fdatasync'],
  ...['unlink', 'unlinkat', 'rename', 'renameat', 'renameat2'],
  ...['pwritev2', 'link', 'linkat', 'symlink', 'symlinkat', 'mkdir', 'mkdirat', 'rmdir'],
  ...['mmap', 'copy_file_range', 'sendfile', 'splice'],
]

/** The wal-index is shared memory that SQLite rebuilds after a crash: never durable state (sqlite.org/walformat.html). */
const isVolatile = (file: string) => file.endsWith('-shm')

export interface Decoder {
  /** undefined: the step concerns no file of the directory and sends nothing */
  decode(step: Step): Moment | undefined
}

/** Decodes the steps of one trace, in their order; `dir` is an absolute path without symbolic links. */
export function createDecoder(dir: string): Decoder {
  const running = new Map<Call, Operation>()
  return {
    decode({ phase, call }) {
      const operation = phase === 'begin' ? operationOf(call, dir) : running.get(call)
      if (operation === undefined) return undefined
      if (phase === 'begin') running.set(call, operation)
      else running.delete(call)
      return { phase, operation, result: phase === 'end' ? call.result : undefined }
    },
  }
}

function operationOf(call: Call, dir: string): Operation | undefined {
  const { name, args } = call
  const inside = (path: string) => {
    const file = relative(dir, resolve(dir, path))
    return file.startsWith('..') || isVolatile(file) ? undefined : file
  }
  const paths = () => quoted(args).map(path => inside(unhex(path).toString()))
  const { fd, target, unlinked } = descriptorOf(args)
  const file = target.startsWith('/') ? inside(target) : undefined
  const last = () => Number(args.slice(args.lastIndexOf(', ') + 2))

  switch (name) {
    case 'open':
    case 'openat':
    case 'creat':
      return openOf(call, paths()[0])
    case 'lseek':
      return file === undefined ? undefined : { kind: 'seek', file, fd }
    case 'write':
    case 'writev':
    case 'sendto':
    case 'sendmsg':
      if (file !== undefined) return { kind: 'write', file, unlinked, fd, offset: undefined, bytes: bytesOf(call) }
      return target.startsWith('/') ? undefined : { kind: 'message', fd, bytes: unhex(quoted(args).join('')) }
    case 'pwrite64':
    case 'pwritev':
      if (file === undefined) return undefined
      return { kind: 'write', file, unlinked, fd, offset: last(), bytes: bytesOf(call) }
    case 'ftruncate':
    case 'truncate': {
      const named = name === 'truncate' ? paths()[0] : file
      return named === undefined ? undefined : { kind: 'resize', file: named, unlinked, size: last(), shrinks: true }
    }
    case 'fallocate': {
      if (file === undefined) return undefined
      const [mode, offset, length] = args.split(', ').slice(1)
      if (mode !== '0') throw refusal(call)
      return { kind: 'resize', file, unlinked, size: Number(offset) + Number(length), shrinks: false }
    }
    case 'fsync':
    case 'fdatasync':
      return file === undefined ? undefined : { kind: 'sync', file, unlinked }
    case 'unlink':
    case 'unlinkat': {
      const path = paths()[0]
      return path === undefined ? undefined : { kind: 'unlink', file: path }
    }
    case 'rename':
    case 'renameat':
    case 'renameat2': {
      const [from, to] = paths()
      if (from === undefined && to === undefined) return undefined
      if (from === undefined || to === undefined || args.includes('RENAME_')) throw refusal(call)
      return { kind: 'rename', from, to }
    }
    default: {
      if (name === 'mmap' && !(args.includes('MAP_SHARED') && args.includes('PROT_WRITE'))) return undefined
      const opened = args.split(', ').map(arg => descriptorOf(arg).target)
      if ([...paths(), ...opened.filter(path => path.startsWith('/')).map(inside)].some(path => path !== undefined))
        throw refusal(call)
      return undefined
    }
  }
}

function openOf({ name, args }: Call, file: string | undefined): Operation | undefined {
  if (file === undefined || file === '') return undefined
  const has = (flag: string) => args.includes(flag)
  const creat = name === 'creat'
  return {
    kind: 'open',
    file,
    create: creat || has('O_CREAT'),
    truncate: creat || has('O_TRUNC'),
    append: has('O_APPEND'),
  }
}

/** `3<\x2f\x61>` and `3<\x2f\x61>(deleted)`, as strace -y prints them. */
function descriptorOf(arg: string): { fd: number; target: string; unlinked: boolean } {
  const match = /^(\d+)<([^>]*)>(\(deleted\))?/.exec(arg)
  return {
    fd: Number(match?.[1] ?? -1),
    target: unhex(match?.[2] ?? '').toString(),
    unlinked: match?.[3] !== undefined,
  }
}

/** `\x6f\x6b` → `ok`. By hand, since a whole trace passes here: a page takes 13 µs, with Buffer.from(…, 'hex') 86. */
function unhex(text: string): Buffer {
  const bytes = Buffer.alloc(text.length / 4)
  for (let at = 0; at < bytes.length; at++) bytes[at] = (digit(text, 4 * at + 2) << 4) | digit(text, 4 * at + 3)
  return bytes
}

/** 0…9 and a…f */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 58 ? code - 48 : code - 87
}

/** What stands between the quotes of each string; being hexadecimal it has none itself. */
function quoted(args: string): string[] {
  return args.split('"').filter((_, k) => k % 2 === 1)
}

/** The bytes of a write to a file: an image made from cut strings would be wrong in silence. */
function bytesOf(call: Call): Buffer {
  if (call.args.includes('"...')) throw new Error(`trace: strace cut a string of ${call.name}: raise -s`)
  return unhex(quoted(call.args).join(''))
}

function refusal(call: Call): Error {
  return new Error(`trace: ${call.name}(${call.args.slice(0, 200)}) changes files in a way that the disk model lacks`)
}
