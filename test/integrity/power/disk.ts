import { apply, bytesOf, type Change, type Content, contentOf } from './content.ts'
import { damage, survivors } from './damage.ts'
import type { Moment, Operation } from './operations.ts'
import { createRandom } from './random.ts'

/** A file without its name: it lives on after unlink, and one name can come to mean another file. */
interface Inode {
  /** what a power cut cannot take */
  synced: Content
  unsynced: Pending[]
  /** bytes that the running process sees */
  size: number
}

interface Pending {
  change: Change
  /** the call has returned: a sync that begins now covers it */
  returned: boolean
}

/** Names that one call changed together; undefined: the name is gone. */
type Renaming = [name: string, inode: Inode | undefined][]

/** What is to be done once the call has returned `result`, which is never an error. */
type Ending = (result: number) => void

type Of<Kind extends Operation['kind']> = Extract<Operation, { kind: Kind }>

export interface Disk {
  /** Moments in the order of the trace. */
  apply(moment: Moment): void
  /** The files that a power cut now could leave. The same `seed` gives the same image. */
  image(...seed: (number | string)[]): Map<string, Buffer>
}

/**
 * A directory whose power can fail: what fsync covered is kept, the rest is up to the seed.
 *
 * - A write may reach the disk from its begin on; a sync covers the writes that had returned when it began, and only
 *   once it has returned 0 itself.
 * - fsync of a file does not keep its name (fsync(2)): a new name, rename or unlink is kept once the directory is synced.
 * - `files` is what the directory holds at the start, all of it durable.
 */
export function createDisk(files: ReadonlyMap<string, Uint8Array> = new Map()): Disk {
  const names = new Map<string, Inode>()
  for (const [name, bytes] of files) names.set(name, { synced: contentOf(bytes), unsynced: [], size: bytes.length })
  const syncedNames = new Map(names)
  let renamings: Renaming[] = []
  const unlinkedInodes = new Map<string, Inode>()
  const positions = new Map<number, { inode: Inode; position: number; append: boolean }>()
  const endings = new Map<Operation, Ending>()

  function inodeOf(operation: { file: string; unlinked: boolean }): Inode {
    const inode = (operation.unlinked ? unlinkedInodes : names).get(operation.file)
    if (inode === undefined) throw new Error(`disk: '${operation.file}' is used but was never opened in the trace`)
    return inode
  }

  function rename(...changes: Renaming): void {
    for (const [name] of changes) {
      const previous = names.get(name)
      if (previous !== undefined) unlinkedInodes.set(name, previous)
    }
    assign(names, changes)
    renamings.push(changes)
  }

  function open({ file, create, truncate, append }: Of<'open'>, fd: number): void {
    let inode = names.get(file)
    if (inode === undefined) {
      if (!create) throw new Error(`disk: '${file}' is opened but does not exist`)
      inode = { synced: contentOf(Buffer.alloc(0)), unsynced: [], size: 0 }
      rename([file, inode])
    } else if (truncate && inode.size > 0) {
      change(inode, { kind: 'resize', size: 0 }).returned = true
    }
    positions.set(fd, { inode, position: 0, append })
  }

  function change(inode: Inode, what: Change): Pending {
    const pending = { change: what, returned: false }
    inode.unsynced.push(pending)
    inode.size = what.kind === 'resize' ? what.size : Math.max(inode.size, what.offset + what.bytes.length)
    return pending
  }

  function offsetOf(write: Of<'write'>, inode: Inode): number {
    if (write.offset !== undefined) return write.offset
    const descriptor = positions.get(write.fd)
    if (descriptor?.inode !== inode) throw new Error(`disk: write to '${write.file}' at a position that is not known`)
    const offset = descriptor.append ? inode.size : descriptor.position
    descriptor.position = offset + write.bytes.length
    return offset
  }

  function write(operation: Of<'write'>): Ending {
    const { file, bytes } = operation
    const inode = inodeOf(operation)
    const pending = change(inode, { kind: 'write', offset: offsetOf(operation, inode), bytes })
    return result => {
      if (result !== bytes.length) throw new Error(`disk: write to '${file}' took ${result} of ${bytes.length} bytes`)
      pending.returned = true
    }
  }

  function resize(operation: Of<'resize'>): Ending | undefined {
    const inode = inodeOf(operation)
    if (!operation.shrinks && operation.size <= inode.size) return undefined
    const pending = change(inode, { kind: 'resize', size: operation.size })
    return () => {
      pending.returned = true
    }
  }

  function sync(operation: Of<'sync'>): Ending {
    const inode = inodeOf(operation)
    const covered = new Set(inode.unsynced.filter(pending => pending.returned))
    return () => {
      const settled = inode.unsynced.filter(pending => covered.has(pending))
      apply(
        inode.synced,
        settled.map(pending => pending.change),
      )
      inode.unsynced = inode.unsynced.filter(pending => !covered.has(pending))
    }
  }

  function syncDirectory(): Ending {
    const covered = new Set(renamings)
    return () => {
      for (const renaming of renamings.filter(one => covered.has(one))) assign(syncedNames, renaming)
      renamings = renamings.filter(renaming => !covered.has(renaming))
    }
  }

  function begin(operation: Operation): Ending | undefined {
    switch (operation.kind) {
      case 'open':
        return fd => open(operation, fd)
      case 'seek':
        return position => {
          const descriptor = positions.get(operation.fd)
          if (descriptor !== undefined) descriptor.position = position
        }
      case 'write':
        return write(operation)
      case 'resize':
        return resize(operation)
      case 'sync':
        return operation.file === '' ? syncDirectory() : sync(operation)
      case 'unlink':
        return () => rename([operation.file, undefined])
      case 'rename':
        return () => rename([operation.from, undefined], [operation.to, names.get(operation.from)])
      case 'message':
        return undefined
    }
  }

  return {
    apply({ phase, operation, result }) {
      if (phase === 'begin') {
        const ending = begin(operation)
        if (ending !== undefined) endings.set(operation, ending)
        return
      }
      // undefined: the process was killed in the call, which may have had its effect
      if (result === undefined) return
      if (result >= 0) endings.get(operation)?.(result)
      else if (operation.kind === 'write' || operation.kind === 'resize') {
        throw new Error(`disk: ${operation.kind} of '${operation.file}' failed, which the model lacks`)
      }
      endings.delete(operation)
    },
    image(...seed) {
      const left = new Map(syncedNames)
      for (const renaming of survivors(createRandom(...seed, 'names'), renamings)) assign(left, renaming)
      const image = new Map<string, Buffer>()
      for (const [name, { synced, unsynced }] of left) {
        const changes = unsynced.map(pending => pending.change)
        image.set(name, bytesOf(apply(contentOf(bytesOf(synced)), damage(createRandom(...seed, name), changes))))
      }
      return image
    },
  }
}

function assign(names: Map<string, Inode>, renaming: Renaming): void {
  for (const [name, inode] of renaming) {
    if (inode === undefined) names.delete(name)
    else names.set(name, inode)
  }
}
