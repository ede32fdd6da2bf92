import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { ownGateway } from '../../../../test/support/own-gateway.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { append, collect, openFor, storeOf } from '../harness.suite.ts'

const gateway = ownGateway()
const path = join(gateway.folder, 'a.db')
const config = { store: `sqlite:${path}`, columns: 'event_id,stream_key,stream_index,payload' }

async function post(key: string, lines: readonly string[]): Promise<void> {
  const url = `${gateway.url}/v1/events?stream=${key}`
  const response = await fetch(url, { method: 'POST', body: lines.join('\n') })
  assert.equal(response.status, 200, await response.text())
}

const linesOf = (name: string, count: number) => Array.from({ length: count }, (_, i) => `"${name} ${i}"`)

test('what a gateway stores arrives at every follower, once and in order, while it runs, stops, is killed and starts again', async t => {
  const sources = [await openFor(t, config), await openFor(t, { ...config, start_at: 'latest' })]
  const readers = await Promise.all(sources.map(async source => source.read(await source.start())))
  const total = 4000
  const arrived = Promise.all(readers.map(reader => collect(reader, total)))

  const sent: string[] = []
  const send = async (name: string) => {
    for (let k = 0; k < 10; k++) {
      const lines = linesOf(`${name} ${k}`, 100)
      await post('live', lines)
      sent.push(...lines)
    }
  }
  await send('first')
  const db = new Database(path)
  db.pragma('wal_checkpoint(TRUNCATE)')
  await send('behind a cut log')
  db.close()
  assert.equal(await gateway.end(), 0)
  await gateway.start()
  await send('after a restart')
  await gateway.end('SIGKILL')
  await gateway.start()
  await send('after a kill')

  for (const { rows } of await arrived) {
    assert.deepEqual(
      rows.map(row => row.payload),
      sent,
    )
    assert.deepEqual(
      rows.map(row => row.event_id),
      sent.map((_, i) => i + 1),
    )
  }
  for (const reader of readers) await reader.close()
})

test('a follower that has caught up holds nothing that the gateway needs for its log', async t => {
  const source = await openFor(t, { ...config, start_at: 'latest' })
  const reader = source.read(await source.start())
  const first = reader.next()
  await post('log', ['1'])
  await first
  const pending = reader.next()
  const db = new Database(path)
  const [{ busy, log }] = db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number; log: number }]
  db.close()
  assert.deepEqual([busy, log], [0, 0])
  await post('log', ['2'])
  assert.equal((await pending)?.batch.getChild('payload')?.get(0), '2')
  await reader.close()
})

test('writes are seen where no file can be watched', async t => {
  const folder = tempFolder(t)
  const file = join(folder, 'a.db')
  const store = await storeOf(t, file)
  // every watch of a process that may have none fails
  const script = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    let tries = 0
    fs.watch = () => { if (tries++ === 0) console.log('waits'); throw Object.assign(new Error('no watches are left'), { code: 'ENOSPC' }) }
    syncBuiltinESMExports()
    const { events } = await import(${JSON.stringify(new URL('../events.ts', import.meta.url).href)})
    const { contextOf, collect } = await import(${JSON.stringify(new URL('../harness.suite.ts', import.meta.url).href)})
    const source = await events.open(events.config.parse({ store: ${JSON.stringify(`sqlite:${file}`)} }), contextOf())
    const reader = source.read(await source.start())
    const { rows } = await collect(reader, 2)
    console.log(rows.map(row => row.payload).join(), tries)
    await reader.close()
    await source.close()`
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', data => {
    out += data
  })
  await once(child.stdout, 'data')
  await append(store, 'k', ['1'])
  await append(store, 'k', ['2'])
  assert.deepEqual(await once(child, 'close'), [0, null])
  assert.equal(out, 'waits\n1,2 1\n')
})
