import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import pg from 'pg'
import { manage, service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import type { PipelineError } from '../../runtime/errors.ts'
import { checkWritten, startChild } from '../child.suite.ts'
import { durableSuite } from '../durable.suite.ts'
import { openFor, type StateSettings, settingsFor, settingsOf } from './harness.suite.ts'
import { openPostgresState } from './postgres.ts'
import { tablesOf } from './tables.ts'

const { skip, at } = service('postgres')
const own = service('postgres', 'state')
after(() => own.skip === false && manage('clean', 'postgres@state'))

const rounds = Number(process.env.MILLRACE_STATE_KILLS ?? 5)
const program = new URL('./child.suite.ts', import.meta.url)

const start = (t: TestContext, settings: StateSettings, namespace: string) =>
  startChild(t, program, JSON.stringify(settings), namespace)
const check = async (settings: StateSettings, told: unknown) =>
  checkWritten(await openPostgresState(settings), 'app/orders', Number(told))

durableSuite({
  skip,
  program,
  rounds,
  place() {
    const settings = settingsFor(at.POSTGRES)
    return { argument: JSON.stringify(settings), open: () => openPostgresState(settings) }
  },
})

test('a connection that is cut at any moment costs no change and doubles none', { skip }, async t => {
  const proxy = await openTcpProxy(Number(new URL(at.POSTGRES).port))
  t.after(() => proxy.close())
  const settings = settingsFor(at.POSTGRES)
  const child = await start(t, { ...settings, port: proxy.port }, 'app/orders')
  for (let round = 0; round < rounds; round++) {
    await child.until(Number(child.said.at(-1) === 'locked' ? 0 : child.said.at(-1)) + 2)
    if (round % 2 === 0) proxy.cutAnswerAfter((37 * round) % 401)
    else proxy.cutAfter(113 * round)
  }
  await child.until(Number(child.said.at(-1)) + 5)
  await child.kill()
  await check(settings, child.said.at(-1))
})

test('who lost its connection goes on, unless another one took over: then it is fenced', { skip }, async t => {
  const proxy = await openTcpProxy(Number(new URL(at.POSTGRES).port))
  t.after(() => proxy.close())
  const settings = settingsFor(at.POSTGRES)
  const first = await openFor(t, { ...settings, port: proxy.port })
  const lock = await first.lock('app/orders')
  await first.write('app/orders', { set: new Map([['k', 1]]) })
  proxy.cut()
  await first.write('app/orders', { set: new Map([['k', 2]]) })
  const second = await openFor(t, settings)
  await assert.rejects(second.lock('app/orders'), { code: 'busy' })
  proxy.refuse()
  // the server has noticed as soon as the lock is free
  const taken = await untilFree(() => second.lock('app/orders'))
  await second.write('app/orders', { set: new Map([['k', 3]]) })
  proxy.accept()
  const fenced = { code: 'fenced', message: /^another process took over the pipeline 'orders' while this one/ }
  await assert.rejects(first.write('app/orders', { set: new Map([['k', 4]]) }), fenced)
  await taken.release()
  await assert.rejects(first.write('app/orders', { set: new Map([['k', 5]]) }), fenced, 'also once the other is gone')
  assert.deepEqual(await second.read('app/orders'), new Map([['k', 3]]))
  await lock.release()
})

test('a lock that the server still gives to a lost connection is waited for', { skip }, async t => {
  const proxy = await openTcpProxy(Number(new URL(at.POSTGRES).port))
  t.after(() => proxy.close())
  const settings = settingsFor(at.POSTGRES)
  const state = await openFor(t, { ...settings, port: proxy.port })
  await state.lock('app/orders')
  proxy.refuse()
  const old = new pg.Client({ connectionString: at.POSTGRES })
  await old.connect()
  t.after(() => old.end())
  const key = `millrace ${tablesOf(settings.state_schema_name, settings.state_table_name).state} app/orders`
  await old.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [key])
  proxy.accept()
  const write = state.write('app/orders', { set: new Map([['k', 1]]) })
  const waiting =
    "SELECT FROM pg_stat_activity WHERE application_name = 'millrace state' AND query ~ '^SELECT (fence|pg_try_advisory_lock)'"
  while ((await old.query(waiting)).rowCount === 0);
  await old.query('SELECT pg_advisory_unlock_all()')
  await write
  assert.deepEqual(await state.read('app/orders'), new Map([['k', 1]]))
})

test('who runs a pipeline waits for a server that stays away, and is told', { skip }, async t => {
  const proxy = await openTcpProxy(Number(new URL(at.POSTGRES).port))
  t.after(() => proxy.close())
  const away = Promise.withResolvers<PipelineError>()
  const told: string[] = []
  const state = await openFor(
    t,
    { ...settingsFor(at.POSTGRES), port: proxy.port },
    {
      waiting: {
        onAway(error) {
          told.push('away')
          away.resolve(error)
        },
        onBack: () => void told.push('back'),
      },
    },
  )
  await state.lock('app/orders')
  assert.equal(state.isAway, false)
  proxy.refuse()
  const both = [
    state.write('app/orders', { set: new Map([['k', 1]]), dead: [letter] }),
    state.countDeadLetters('app/other'),
  ] as const
  assert.equal((await away.promise).code, 'unavailable')
  assert.equal(state.isAway, true)
  proxy.accept()
  await Promise.all(both)
  assert.equal(state.isAway, false)
  assert.deepEqual(told, ['away', 'back'])
  assert.deepEqual(await state.read('app/orders'), new Map([['k', 1]]))
  assert.equal(await state.countDeadLetters('app/orders'), 1)
})

const letter = { node: 'n', epoch: 1, code: 'c', message: 'm', row: '{}', retryable: true, size: 2, at: 1 }

async function untilFree<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 200; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if ((error as { code?: string }).code !== 'busy' || left === 0) throw error
    }
  }
}

test('a process that is paused keeps its lock, and goes on', { skip }, async t => {
  const settings = settingsFor(at.POSTGRES)
  const child = await start(t, settings, 'app/orders')
  await child.until(3)
  child.signal('SIGSTOP')
  const state = await openFor(t, settings)
  await assert.rejects(state.lock('app/orders'), { code: 'busy' })
  child.signal('SIGCONT')
  await child.until(Number(child.said.at(-1)) + 3)
  await child.kill()
})

test('a crash of the server is sat out, with each change once', { skip: own.skip }, async t => {
  const settings = settingsOf(own.at.POSTGRES)
  const child = await start(t, settings, 'app/orders')
  for (let round = 0; round < 2; round++) {
    await child.until(Number(child.said.at(-1) === 'locked' ? 0 : child.said.at(-1)) + 5)
    manage('restart', 'postgres@state')
  }
  await child.until(Number(child.said.at(-1)) + 5)
  await child.kill()
  await check(settings, child.said.at(-1))
})

test(
  'a server that stays away is unavailable, and the backend works again when it is back',
  { skip: own.skip },
  async t => {
    const proxy = await openTcpProxy(Number(new URL(own.at.POSTGRES).port))
    t.after(() => proxy.close())
    const state = await openFor(t, { ...settingsOf(own.at.POSTGRES), port: proxy.port })
    proxy.refuse()
    await assert.rejects(state.write('n', { set: new Map([['k', 1]]) }), {
      code: 'unavailable',
      message: /^postgres 127\.0\.0\.1:\d+\/postgres: /,
    })
    proxy.accept()
    await state.write('n', { set: new Map([['k', 2]]) })
    assert.deepEqual(await state.read('n'), new Map([['k', 2]]))
  },
)
