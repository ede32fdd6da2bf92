import { once } from 'node:events'
import { createWriteStream, type Dirent, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'

/**
 * Writes what this machine knows about itself as NDJSON: its package database, the files of each package, its logs, and
 * as many files of its disk as it takes to reach `atLeast` events. Returns how many there are.
 */
export async function writeRealInput(file: string, atLeast: number): Promise<number> {
  const out = createWriteStream(file)
  let count = 0
  for (const event of events()) {
    if (count >= atLeast && (event.kind === 'file' || event.kind === 'line')) break
    count++
    if (!out.write(`${JSON.stringify(event)}\n`)) await once(out, 'drain')
  }
  out.end()
  await finished(out)
  return count
}

type Event = { kind: 'package' | 'owned' | 'log' | 'file' | 'line' } & Record<string, unknown>

function* events(): Generator<Event> {
  yield* packages()
  yield* logs('/var/log')
  yield* tree('/')
  // a small machine: the lines of its documentation too
  for (const { path, name } of tree('/usr/share')) yield* linesOf(String(path), String(name))
}

function* linesOf(path: string, name: string): Generator<Event> {
  if (statSync(path).size > 1024 * 1024) return
  for (const line of readFileSync(path, 'latin1').split('\n')) yield { kind: 'line', file: name, line }
}

function* packages(): Generator<Event> {
  const dpkg = '/var/lib/dpkg'
  if (!existsSync(`${dpkg}/status`)) return
  for (const stanza of readFileSync(`${dpkg}/status`, 'utf8').split('\n\n')) {
    const fields = stanza
      .split(/\n(?! )/)
      .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
    if (fields.length > 1) yield { kind: 'package', ...Object.fromEntries(fields) }
  }
  for (const name of readdirSync(`${dpkg}/info`)) {
    if (!name.endsWith('.list')) continue
    for (const path of readFileSync(`${dpkg}/info/${name}`, 'utf8').trim().split('\n'))
      yield { kind: 'owned', package: name.slice(0, -5), path }
  }
}

function* logs(folder: string): Generator<Event> {
  for (const { name, path, isFile } of entries(folder))
    if (isFile && name.endsWith('.log'))
      for (const line of readFileSync(path, 'latin1').split('\n')) yield { kind: 'log', file: name, line }
}

/** Every file, breadth first; kernel file systems are left out. */
function* tree(root: string): Generator<Event> {
  const folders = [root]
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    for (const { name, path, isFile, isFolder } of entries(folder)) {
      if (isFolder && !/^\/(proc|sys|dev|tmp)$/.test(path)) folders.push(path)
      else if (isFile) yield { kind: 'file', name, path }
    }
  }
}

function entries(folder: string): { name: string; path: string; isFile: boolean; isFolder: boolean }[] {
  let list: Dirent[]
  try {
    list = readdirSync(folder, { withFileTypes: true })
  } catch {
    // gone, or not ours to read: a machine at work changes under us
    return []
  }
  return list.map(entry => ({
    name: entry.name,
    path: join(folder, entry.name),
    isFile: entry.isFile(),
    isFolder: entry.isDirectory(),
  }))
}
