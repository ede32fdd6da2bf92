import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Checkpoint } from '../contract.ts'
import { recover, type Saved, type SinkCheckpoints } from './recover.ts'

/** One source that stands at 10 × epoch after an epoch. */
const at = (epoch: number) => ({ s: { p: epoch * 10 } })
const epoch = (n: number): Checkpoint => ({ epoch: n, from: at(n - 1), to: at(n) })
const saved = (n: number, plan?: Saved['plan']): Saved => ({ epoch: n, at: n === 0 ? {} : at(n), plan })
const sinks = (list: Record<string, number | undefined | 'none'>): SinkCheckpoints =>
  new Map(Object.entries(list).map(([name, n]) => [name, typeof n === 'number' ? epoch(n) : undefined]))
/** `5:x,y 20→50` for each replay, then where it goes on. */
function shown(state: Saved, held: SinkCheckpoints): string {
  const { replays, epoch, at } = recover(state, held)
  const p = (position: unknown) => (position as { s?: { p: number } }).s?.p ?? 'start'
  const parts = replays.map(
    ({ checkpoint, takers }) => `${checkpoint.epoch}:${takers.join()} ${p(checkpoint.from)}→${p(checkpoint.to)}`,
  )
  return [...parts, `then ${epoch} at ${p(at)}`].join('; ')
}

test('a first start, and one after a clean end, read nothing again', () => {
  assert.equal(shown(saved(0), sinks({ x: undefined, y: 'none' })), 'then 0 at start')
  assert.equal(shown(saved(4), sinks({ x: 4, y: 'none' })), 'then 4 at 40')
})

test('an epoch that was planned is read again; sinks that have it drop it', () => {
  const plan = epoch(5)
  assert.equal(shown(saved(4, plan), sinks({ x: 4, y: 4, z: 'none' })), '5:x,y,z 40→50; then 5 at 50')
  assert.equal(shown(saved(4, plan), sinks({ x: 5, y: 4, z: 'none' })), '5:y,z 40→50; then 5 at 50')
  assert.equal(shown(saved(4, plan), sinks({ x: 5, y: 5 })), '5: 40→50; then 5 at 50')
})

test('the dead letters that were tried again in the planned epoch are tried again in it', () => {
  assert.deepEqual(recover(saved(4, { ...epoch(5), letters: [7, 9] }), sinks({ x: 4 })).replays[0]!.letters, [7, 9])
})

test('a state that was lost is made up from the sinks', () => {
  assert.equal(shown(saved(0), sinks({ x: 5, y: 5 })), 'then 5 at 50')
  assert.equal(shown(saved(0), sinks({ x: 5, y: 4 })), '5:y 40→50; then 5 at 50')
  // whether a sink without a checkpoint has the last epoch is unknown: it may be new, or keep none
  assert.equal(shown(saved(0), sinks({ x: 1, fresh: undefined })), '1:fresh 0→10; then 1 at 10')
  assert.equal(shown(saved(0), sinks({ x: 5, z: 'none' })), '5:z 40→50; then 5 at 50')
})

test('a sink that was restored from a backup gets what it lacks, alone', () => {
  assert.equal(shown(saved(7), sinks({ x: 7, y: 3, z: 'none' })), '7:y 30→70; then 7 at 70')
  assert.equal(shown(saved(7), sinks({ x: 5, y: 3 })), '5:y 30→50; 7:x,y 50→70; then 7 at 70')
  assert.equal(shown(saved(7, epoch(8)), sinks({ x: 7, y: 3 })), '7:y 30→70; 8:x,y 70→80; then 8 at 80')
  assert.equal(shown(saved(7, epoch(8)), sinks({ x: 8, y: 3 })), '7:y 30→70; 8:y 70→80; then 8 at 80')
})

test('a sink that is new begins where the pipeline is, and takes part in the epoch that is not final', () => {
  assert.equal(shown(saved(7), sinks({ x: 7, fresh: undefined })), 'then 7 at 70')
  assert.equal(shown(saved(7, epoch(8)), sinks({ x: 8, fresh: undefined })), '8:fresh 70→80; then 8 at 80')
})

test('a state restored from a backup goes on where the sinks are', () => {
  assert.equal(shown(saved(3, epoch(4)), sinks({ x: 7, y: 7 })), 'then 7 at 70')
})

test('a plan tells what was final before it, where the state does not', () => {
  assert.equal(shown(saved(0, epoch(5)), sinks({ x: 1 })), '4:x 10→40; 5:x 40→50; then 5 at 50')
})

test('states that do not belong together are refused, with both of them', () => {
  const other = { epoch: 4, from: at(3), to: { s: { p: 41 } } }
  const held: SinkCheckpoints = new Map([['x', other]])
  assert.throws(() => recover(saved(4), held), {
    code: 'state',
    message: /the state and sink 'x' both stand at epoch 4, but at other positions/,
  })
})

test('a source that was added or left out between two runs is no contradiction', () => {
  const held: SinkCheckpoints = new Map([['x', { epoch: 4, from: {}, to: { old: { p: 1 }, ...at(4) } }]])
  assert.equal(shown(saved(4), held), 'then 4 at 40')
})
