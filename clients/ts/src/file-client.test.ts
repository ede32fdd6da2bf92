import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type RunningGateway, startGateway } from '../../../test/support/gateway.ts'
import { ask } from '../../../test/support/http.ts'
import { connect } from './client.ts'
import { contentOf, generator, tempFolder } from './file.suite.ts'
import { fileSpool } from './file.ts'

let gateway: RunningGateway
before(async () => {
  gateway = await startGateway(['--store', 'memory:', '--port', '0', '--log-level', 'error'])
})
after(() => gateway.end())

const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)

/** Sends the numbers from `from` on, and prints each once it is taken. */
const producer = `
  import { writeSync } from 'node:fs'
  const { connect } = await import(${module('./client.ts')})
  const { fileSpool } = await import(${module('./file.ts')})
  const [, url, folder, from] = process.argv
  const client = connect({ url, stream: 'numbers', batchMs: 1, spool: fileSpool(folder, { segmentBytes: 2000 }) })
  for (let n = Number(from); ; n++) {
    while (!client.send(n)) await client.ready()
    writeSync(1, n + '\\n')
    if (n % 10 === 0) await new Promise(resolve => setTimeout(resolve, 1))
  }`

async function stored(): Promise<number[]> {
  const all: number[] = []
  for (;;) {
    const { body } = await ask(`${gateway.url}/v1/streams/numbers/events?limit=10000&from=${all.length}`)
    if (body === '') return all
    all.push(...body.trimEnd().split('\n').map(Number))
  }
}

const seed = Number(process.env.MILLRACE_SEED ?? Date.now() % 1_000_000)

test(`what send took is stored once and in order, whenever its process is killed (MILLRACE_SEED=${seed})`, async t => {
  const [folder, logs] = [tempFolder(t), tempFolder(t)]
  const log = join(logs, 'log')
  const random = generator(seed)
  let next = 0
  for (let round = 0; round < 8; round++) {
    const told = openSync(log, 'a')
    const args = ['--input-type=module', '-e', producer, gateway.url, folder, String(next)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', told, 'inherit'] })
    closeSync(told)
    t.after(() => child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    const target = statSync(log).size + 1 + random() * 6000
    while (statSync(log).size < target && child.exitCode === null) await delay(1)
    child.kill('SIGKILL')
    assert.equal((await exit)[1], 'SIGKILL', 'it ended by itself')
    const last = Number(readFileSync(log, 'utf8').split('\n').at(-2))
    next = contentOf(folder).next
    assert.ok(next > last, `${last} was taken, and the spool ends at ${next}`)
  }
  const { epoch } = contentOf(folder).state!
  const client = connect({ url: gateway.url, stream: 'numbers', spool: fileSpool(folder) })
  t.after(() => client.close({ timeout: 0 }))
  assert.equal(client.send(next), true)
  await client.flush()
  assert.deepEqual([client.key, client.stats().epoch], ['numbers', epoch + 1])
  await client.close()
  assert.deepEqual(
    await stored(),
    Array.from({ length: next + 1 }, (_, n) => n),
  )
})
