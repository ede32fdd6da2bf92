import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Database from 'better-sqlite3'
import { run, temporaryFolder } from '../harness/command.suite.ts'
import { startGateway } from '../harness/gateway.suite.ts'
import { badLog, lines, logs, spans } from './otlp.suite.ts'

const folder = temporaryFolder()
after(folder.remove)
const config = join(folder.path, 'millrace.yaml')
writeFileSync(config, 'otlp: { promote_resource_attributes: [service.name] }\n')
const path = join(folder.path, 'a.jsonl')
writeFileSync(path, lines([logs(['a', 'b']), badLog, spans(['s'])]))

async function imported(where: string[]) {
  const args = ['otlp', path, '--config', config, '--on-error', 'skip', '--json', ...where]
  const { code, stdout, stderr } = await run(args)
  assert.equal(code, 0, stderr)
  const { accepted, duplicates, rejected } = JSON.parse(stdout)
  return { accepted, duplicates, rejected }
}

function select(store: string, sql: string): unknown[] {
  const db = new Database(store.slice('sqlite:'.length), { readonly: true })
  try {
    return db.prepare(sql).raw().all()
  } finally {
    db.close()
  }
}

test('a store that no gateway runs on is written itself, once, with promoted attributes and the tenant', async () => {
  const store = `sqlite:${join(folder.path, 'alone.db')}`
  const where = ['--store', store, '--tenant', 'shop']
  assert.deepEqual(await imported(where), { accepted: 3, duplicates: 0, rejected: 1 })
  assert.deepEqual(await imported(where), { accepted: 0, duplicates: 4, rejected: 0 })
  assert.deepEqual(select(store, 'select tenant, stream_index, body, resource_attr_service_name from otlp_logs'), [
    ['shop', 0, 'a', 'cart'],
    ['shop', 1, 'b', 'cart'],
  ])
  assert.deepEqual(select(store, 'select stream_index, code, cast(raw as text) from dead_letters'), [
    [2, 'bad_record', '{"traceId":"abc"}'],
  ])
  assert.deepEqual(select(store, 'select tenant, epoch, count from streams'), [['shop', 1, 4]])
})

test('beside a gateway it says who has the store and what to do, and what came over --url is not stored again', async () => {
  const gateway = await startGateway(folder.path, ['--config', config])
  try {
    assert.deepEqual(await imported(['--url', gateway.url]), { accepted: 3, duplicates: 0, rejected: 1 })
    const { code, stderr } = await run(['otlp', path, '--store', gateway.store])
    assert.equal(code, 1)
    assert.match(stderr, /send to its gateway with --url instead: .* is in use by another gateway \(pid \d+ on/)
  } finally {
    await gateway.stop()
  }
  assert.deepEqual(await imported(['--store', gateway.store]), { accepted: 0, duplicates: 4, rejected: 0 })
})
