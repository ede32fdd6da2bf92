import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { awakeTimeout, createAwakeClock } from './awake.ts'

test('of a long gap between two looks only a part counts', () => {
  let now = 1000
  const spent = createAwakeClock(() => now)
  for (let look = 0; look < 10; look++) {
    now += 50
    spent()
  }
  assert.equal(spent(), 500)
  now += 60_000
  assert.equal(spent(), 700)
})

test('a timeout comes, once, and none that was stopped', async () => {
  const told: string[] = []
  const stop = awakeTimeout(20, () => told.push('stopped'))
  stop()
  await new Promise<void>(resolve => awakeTimeout(250, () => resolve(void told.push('late'))))
  assert.deepEqual(told, ['late'])
})

test('a process that was stopped has time left when it goes on', async () => {
  const code = `
    const { awakeTimeout } = await import(${JSON.stringify(import.meta.resolve('./awake.ts'))})
    const stop = awakeTimeout(1500, () => console.log('late'))
    // after the stop these are due at once, one behind the other
    setTimeout(() => { stop(); console.log('in time') }, 700)
    console.log('begun')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const begun = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', line => {
    lines.push(line)
    begun.resolve()
  })
  await begun.promise
  child.kill('SIGSTOP')
  await new Promise(resolve => setTimeout(resolve, 2500))
  child.kill('SIGCONT')
  await once(child, 'close')
  assert.deepEqual(lines, ['begun', 'in time'])
})
