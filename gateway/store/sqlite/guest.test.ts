import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendOf } from '../store.suite.ts'
import type { NewToken, Scope } from '../store.ts'
import { codeOf, contents, openFor, payloads, stored, tempFolder, until } from './faults.suite.ts'
import { startRemote } from './remote.suite.ts'

const token = (name: string): NewToken => ({
  name,
  hash: Buffer.from(name).toString('hex').padEnd(64, '0'),
  scopes: ['ingest'] satisfies Scope[],
  tenant: '',
  events_per_second: null,
  bytes_per_second: null,
  created_at: 1,
})

test('a command beside a gateway at full speed writes tokens and dead letters, which the gateway sees', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  stored(await store.append(appendOf('dead', ['1', '{bad', '3'], { dead: { 1: 'bad_event' } })))
  let names: string[] = []
  store.watchTokens(tokens => {
    names = tokens.map(({ name }) => name)
  })
  let announced = 0
  store.onCommit(() => announced++)

  let stopped = false
  let sent = 0
  const loads = [0, 1, 2].map(async k => {
    while (!stopped) {
      const count = stored(await store.append(appendOf(`k${k}`, payloads(200, 200)))).count
      sent = Math.max(sent, count)
    }
  })
  const guest = await startRemote(t, path, { role: 'guest' })
  for (const name of ['one', 'two', 'three']) await guest.createToken(token(name))
  assert.equal(await codeOf(guest.createToken(token('one'))), 'bad_request')
  await until('the gateway knows three tokens', () => names.length === 3, 2000)
  assert.equal(await guest.revokeToken('two', 2), true)
  assert.equal(await guest.revokeToken('two', 2), false)
  await until('the gateway knows two tokens', () => names.join() === 'one,three', 2000)

  const [letter] = (await guest.listDeadLetters({ limit: 10 })).letters
  const before = announced
  assert.equal(await guest.retryDeadLetter(letter!.dead_letter_id, Buffer.from('2')), true)
  assert.equal(await guest.retryDeadLetter(letter!.dead_letter_id, Buffer.from('2')), false)
  await until('followers are told', () => announced > before)
  assert.deepEqual(
    (
      await guest.query("select payload from events join streams using (stream_id) where stream_key = 'dead'", [], {
        ms: 5000,
        bytes: 1 << 28,
        rows: 10,
      })
    ).rows.sort(),
    [['1'], ['2'], ['3']],
  )
  stopped = true
  await Promise.all(loads)
  assert.ok(sent > 0)
  await guest.close()
  await store.close()
  assert.deepEqual(contents(path).dead, ['1', '2', '3'])
})

test('a gateway goes on with a stream that a command beside it deleted', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', payloads(10))))
  const guest = await startRemote(t, path, { role: 'guest' })
  assert.equal(await guest.deleteStream({ tenant: '', key: 'k' }), true)
  assert.deepEqual(await store.append(appendOf('k', ['1'], { offset: 10 })), {
    ok: false,
    code: 'gap',
    streamId: 0,
    count: 0,
    epoch: 0,
  })
  assert.equal(stored(await store.append(appendOf('k', ['1'], { offset: 0 }))).count, 1)
  await guest.close()
  await store.close()
  assert.deepEqual(contents(path), { k: ['1'] })
})

test('of two commands that create a token of one name at once, one is told that there is one', async t => {
  const path = join(tempFolder(t), 'a.db')
  await (await openFor(t, path)).close()
  const guests = await Promise.all([1, 2].map(() => startRemote(t, path, { role: 'guest' })))
  for (const name of ['one', 'two', 'three', 'four']) {
    const hash = (i: number) => `${i}${name}`.padEnd(64, '0')
    const fates = await Promise.allSettled(
      guests.map((guest, i) => guest.createToken({ ...token(name), hash: hash(i) })),
    )
    const refused = fates.filter(fate => fate.status === 'rejected')
    assert.deepEqual(
      refused.map(fate => fate.reason.code),
      ['bad_request'],
    )
  }
})

test('a command finds no store where there is none, and does not make one', async t => {
  const path = join(tempFolder(t), 'a.db')
  await assert.rejects(startRemote(t, path, { role: 'guest' }), { code: 'not_found', message: /there is no store at/ })
})

test('a command needs no gateway, and leaves no log behind', async t => {
  const path = join(tempFolder(t), 'a.db')
  await (await openFor(t, path)).close()
  const guest = await startRemote(t, path, { role: 'guest' })
  await guest.createToken(token('one'))
  await guest.close()
  const store = await openFor(t, path)
  assert.deepEqual(
    (await store.listTokens()).map(({ name }) => name),
    ['one'],
  )
})

test('a command that only waits for its query gets it, and then ends', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', payloads(3))))
  const program = `
    import { openGuest } from './guest.ts'
    const guest = await openGuest(${JSON.stringify(path)})
    const { rows } = await guest.query('select count(*) from events', [], { ms: 5000, bytes: 1 << 26, rows: 1 })
    process.stdout.write(JSON.stringify(rows))`
  const flags = ['--input-type=module-typescript', '-e', program]
  assert.equal(execFileSync(process.execPath, flags, { cwd: import.meta.dirname, encoding: 'utf8' }), '[[3]]')
})
