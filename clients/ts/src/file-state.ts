import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, fault, rescue } from './file-fault.ts'
import type { SpoolState } from './types.ts'

const version = 1
const pathOf = (folder: string) => join(folder, 'state.json')

/** Undefined: there is none yet. */
export function readState(folder: string): SpoolState | undefined {
  const path = pathOf(folder)
  const text = attempt(path, 'read it', () => readIfThere(path))
  if (text === undefined) return undefined
  const state = parse(text)
  if (state === undefined) throw fault(path, `byte 0 to ${text.length}: this is not the state of a spool`, rescue)
  if (Number(state.version) > version)
    throw fault(path, `version ${state.version}, this client knows ${version}`, 'use a newer client, or another folder')
  const { key, epoch, entry, position } = state
  for (const [name, value] of Object.entries({ version: state.version, epoch, entry, position }))
    if (!Number.isSafeInteger(value) || Number(value) < 0)
      throw fault(path, `${name} is ${JSON.stringify(value)}`, rescue)
  if (typeof key !== 'string') throw fault(path, `key is ${JSON.stringify(key)}`, rescue)
  return { key, epoch, entry, position } as SpoolState
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Throws where it could not; then the old state stands. */
export function writeState(folder: string, { key, epoch, entry, position }: SpoolState): void {
  const path = pathOf(folder)
  const text = `${JSON.stringify({ version, key, epoch, entry, position })}\n`
  attempt(path, 'write it', () => {
    try {
      replace(path, text)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if ((code !== 'ENOSPC' && code !== 'EDQUOT') || !overwrite(path, text)) throw error
    }
  })
}

export function replace(path: string, text: string): void {
  const next = `${path}.new`
  try {
    writeFileSync(next, text, { mode: 0o600 })
    renameSync(next, path)
  } catch (error) {
    rmSync(next, { force: true })
    throw error
  }
}

/** Needs no new block: else a disk that the spool itself has filled could never be freed by what is settled. */
function overwrite(path: string, text: string): boolean {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const bytes = Buffer.from(text.padEnd(size))
  if (size === 0 || bytes.length > 4096) return false
  const file = openSync(path, 'r+')
  try {
    return writeSync(file, bytes) === bytes.length
  } finally {
    closeSync(file)
  }
}
