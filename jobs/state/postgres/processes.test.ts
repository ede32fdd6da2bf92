import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { after, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { manage, service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { openFor, type StateSettings, settingsFor, settingsOf } from './harness.suite.ts'
import { openPostgresState } from './postgres.ts'

const { skip, at } = service('postgres')
const own = service('postgres', 'state')
after(() => own.skip === false && manage('clean', 'postgres@state'))

const rounds = Number(process.env.MILLRACE_STATE_KILLS ?? 5)
const program = fileURLToPath(new URL('./child.suite.ts', import.meta.url))

/** A process that holds the lock of `namespace` and writes; `first` is what it said first. */
async function start(t: TestContext, settings: StateSettings, namespace: string) {
  const child = fork(program, [JSON.stringify(settings), namespace])
  t.after(() => child.kill('SIGKILL'))
  const said: unknown[] = []
  child.on('message', message => said.push(message))
  const [first] = await once(child, 'message')
  return {
    pid: child.pid!,
    first: first as string,
    said,
    signal: (name: NodeJS.Signals) => child.kill(name),
    async until(n: number) {
      while (!(Number(said.at(-1)) >= n)) await once(child, 'message')
    },
    /** what it said when it ended by itself */
    async end() {
      while (typeof said.at(-1) !== 'string' || said.at(-1) === 'locked') await once(child, 'message')
      return said.at(-1) as string
    },
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

/** All keys are of one change, which is not older than what was reported, and has its letter. */
async function checkWritten(settings: StateSettings, namespace: string, told: number): Promise<void> {
  const state = await openPostgresState(settings)
  const lock = await state.lock(namespace)
  const values = new Set((await state.read(namespace)).values())
  assert.equal(values.size, 1, 'all keys are of one change')
  const written = Number([...values][0])
  assert.ok(written >= told, `${written} is behind ${told}, which was reported as written`)
  const epochs: number[] = []
  for (
    let page = await state.deadLetters(namespace);
    ;
    page = await state.deadLetters(namespace, { after: page.next })
  ) {
    epochs.push(...page.letters.map(({ epoch }) => epoch))
    if (page.next === null) break
  }
  assert.deepEqual(
    epochs,
    Array.from({ length: written }, (_, n) => n + 1),
    'each letter is there once',
  )
  await state.reset(namespace)
  await lock.release()
  await state.close()
}

test('a process that is killed leaves no lock, and of each change all or nothing', { skip }, async t => {
  const settings = settingsFor(at.POSTGRES)
  for (let round = 0; round < rounds; round++) {
    const child = await start(t, settings, 'app/orders')
    assert.equal(child.first, 'locked')
    await child.until(10 + round)
    await child.kill()
    await checkWritten(settings, 'app/orders', Number(child.said.at(-1)))
  }
})

test('the other process is named, whether it is a child or the parent', { skip }, async t => {
  const settings = settingsFor(at.POSTGRES)
  const state = await openFor(t, settings)
  const child = await start(t, settings, 'app/orders')
  await assert.rejects(state.lock('app/orders'), {
    code: 'busy',
    message: new RegExp(
      `^the pipeline 'orders' is run by another process \\(pid ${child.pid} on ${hostname()}, since \\d{4}-.* UTC\\): stop that one first$`,
    ),
  })
  await child.kill()
  const lock = await state.lock('app/orders')
  const refused = await start(t, settings, 'app/orders')
  assert.match(refused.first, new RegExp(`^busy: .*\\(pid ${process.pid} on `))
  await lock.release()
})

test('processes with different pipelines share tables that none of them has made before', { skip }, async t => {
  const settings = settingsFor(at.POSTGRES)
  const children = await Promise.all(['a', 'b', 'c'].map(name => start(t, settings, `app/${name}`)))
  for (const child of children) {
    assert.equal(child.first, 'locked')
    await child.until(20)
  }
  await Promise.all(children.map(child => child.kill()))
  const state = await openFor(t, settings)
  for (const name of ['a', 'b', 'c']) assert.ok((await state.countDeadLetters(`app/${name}`)) >= 20)
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
  await checkWritten(settings, 'app/orders', Number(child.said.at(-1)))
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
  await checkWritten(settings, 'app/orders', Number(child.said.at(-1)))
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
