import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { Json } from '../runtime/contract.ts'
import type { NewDeadLetter, StateBackend, StateChange } from './state.ts'

/** What every state backend keeps. `open` gives an empty one, which the test closes. */
export function stateSuite(name: string, open: (t: TestContext) => Promise<StateBackend>): void {
  const it = (what: string, check: (state: StateBackend, t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, async t => {
      const state = await open(t)
      try {
        await check(state, t)
      } finally {
        await state.close()
      }
    })

  it('a value comes back as it was written, in its namespace alone', async state => {
    const values: [string, Json][] = [
      ['a', { offset: 12, text: 'ä€😀\u0000', deep: [null, true, -0.5, '9007199254740993'] }],
      ['a:0', 0],
      ['b', ''],
      ['', false],
      ["it's; drop table state --", null],
    ]
    await state.write('app/one', { set: new Map(values) })
    await state.write('app/two', { set: new Map([['a', 2]]) })
    assert.deepEqual(await state.read('app/one'), new Map(values))
    assert.deepEqual(await state.read('app/two'), new Map([['a', 2]]))
    assert.deepEqual(await state.read('app'), new Map())
  })

  it('keys come in order, and by their beginning, whatever characters they have', async state => {
    const keys = ['s:1', 's:10', 's:2', 's%', 's_', 's', 'S:1', 's:\u{1f600}', 's:\uffee', 't']
    await state.write('n', { set: new Map(keys.map(key => [key, 1])) })
    assert.deepEqual([...(await state.read('n', 's:')).keys()], ['s:1', 's:10', 's:2', 's:\uffee', 's:\u{1f600}'])
    assert.deepEqual([...(await state.read('n', 's%')).keys()], ['s%'])
    assert.equal((await state.read('n')).size, keys.length)
  })

  it('undefined deletes a key, and what is read is a copy', async state => {
    const value = { list: [1] }
    await state.write('n', { set: new Map<string, Json | undefined>([['a', value]]) })
    value.list.push(2)
    assert.deepEqual((await state.read('n')).get('a'), { list: [1] })
    await state.write('n', { set: new Map([['a', undefined]]) })
    assert.equal((await state.read('n')).size, 0)
  })

  it('a change that fails leaves nothing of it behind', async state => {
    const circle: Record<string, Json> = {}
    circle.self = circle
    await assert.rejects(
      state.write('n', {
        set: new Map<string, Json>([
          ['a', 1],
          ['b', circle],
        ]),
        dead: [letterOf('x')],
      }),
    )
    assert.equal((await state.read('n')).size, 0)
    assert.equal(await state.countDeadLetters('n'), 0)
    await state.write('n', { set: new Map([['a', 2]]) })
    assert.equal((await state.read('n')).get('a'), 2)
  })

  it('a dead letter keeps all that is known of it', async state => {
    const row = '{"a":"\\ud800","b":12345678901234567890}'
    await state.write('n', {
      dead: [
        { ...letterOf('web'), row },
        { ...letterOf('file'), row: 'no\u0000row', retryable: false },
      ],
    })
    const { letters, next } = await state.deadLetters('n')
    assert.deepEqual(
      letters.map(({ id: _, ...letter }) => letter),
      [
        { ...letterOf('web'), row, retry_at: null },
        { ...letterOf('file'), row: 'no\u0000row', retryable: false, retry_at: null },
      ],
    )
    assert.equal(next, null)
    assert.ok(letters[0]!.id < letters[1]!.id)
  })

  it('dead letters are paged, and chosen by node', async state => {
    await state.write('n', { dead: ['a', 'b', 'a', 'b', 'a'].map(letterOf) })
    const seen: string[] = []
    for (let after: number | null = 0; after !== null; ) {
      const page = await state.deadLetters('n', { after, limit: 2, node: 'a' })
      seen.push(...page.letters.map(({ node }) => node))
      after = page.next
    }
    assert.deepEqual(seen, ['a', 'a', 'a'])
    assert.deepEqual(await state.deadLetters('other'), { letters: [], next: null })
  })

  it('a letter is marked for another try once, unless it has no row, and settled by a later change', async state => {
    await state.write('n', { dead: [letterOf('a'), { ...letterOf('a'), retryable: false }, letterOf('b')] })
    await state.write('other', { dead: [letterOf('a')] })
    const [first, broken, last] = (await state.deadLetters('n')).letters.map(({ id }) => id) as [number, number, number]
    const stranger = (await state.deadLetters('other')).letters[0]!.id
    assert.equal(await state.retryDeadLetters('n', [first, broken, stranger, 999]), 1)
    const { letters } = await state.deadLetters('n', { marked: true })
    assert.deepEqual(
      letters.map(({ id }) => id),
      [first],
    )
    assert.equal(await state.retryDeadLetters('n'), 2)
    const marked = (await state.deadLetters('n', { marked: true })).letters
    assert.deepEqual(
      marked.map(({ id }) => id),
      [first, last],
    )
    assert.equal(marked[0]!.retry_at, letters[0]!.retry_at, 'asked for a second time, it keeps its place')
    await state.write('n', { set: new Map([['k', 1]]), settled: [first, stranger] })
    assert.deepEqual(
      (await state.deadLetters('n')).letters.map(({ id }) => id),
      [broken, last],
    )
    assert.equal(await state.countDeadLetters('other'), 1)
  })

  it('a purge takes those that are named, or all of the namespace', async state => {
    await state.write('n', { dead: [letterOf('a'), letterOf('b'), letterOf('c')] })
    await state.write('other', { dead: [letterOf('a')] })
    const first = (await state.deadLetters('n')).letters[0]!.id
    assert.equal(await state.purgeDeadLetters('n', [first, first, 999]), 1)
    assert.equal(await state.purgeDeadLetters('n', []), 0)
    assert.equal(await state.purgeDeadLetters('n'), 2)
    assert.equal(await state.countDeadLetters('other'), 1)
  })

  it('the id of a letter that is gone is never given again', async state => {
    await state.write('n', { dead: [letterOf('a')] })
    const { id } = (await state.deadLetters('n')).letters[0]!
    await state.reset('n')
    await state.write('n', { dead: [letterOf('a')] })
    assert.ok((await state.deadLetters('n')).letters[0]!.id > id)
  })

  it('a reset forgets one namespace and no other', async state => {
    for (const namespace of ['a', 'b'])
      await state.write(namespace, { set: new Map([['k', 1]]), dead: [letterOf('x')] })
    await state.reset('a')
    assert.equal((await state.read('a')).size + (await state.countDeadLetters('a')), 0)
    assert.equal((await state.read('b')).size + (await state.countDeadLetters('b')), 2)
  })

  it('one pipeline is locked once, others beside it', async state => {
    const lock = await state.lock('app/orders')
    const other = await state.lock(`app/../orders \u{1f600}/${'x'.repeat(300)}`)
    await assert.rejects(state.lock('app/orders'), {
      code: 'busy',
      message: new RegExp(`^the pipeline 'orders' is .*run by .*pid ${process.pid}\\b`),
    })
    await lock.release()
    await lock.release()
    const again = await state.lock('app/orders')
    await lock.release()
    await assert.rejects(state.lock('app/orders'), { code: 'busy' }, 'a lock is released by its holder alone')
    await again.release()
    await other.release()
  })

  it('any run of changes leaves what a plain model of it says', async state => {
    let round = 0
    const key = fc.constantFrom('a', 'a:0', 'a:1', 'ä', '\u{1f600}', '')
    const value = fc.option(fc.jsonValue() as fc.Arbitrary<Json>, { nil: undefined })
    const change = fc.record({
      kind: fc.constantFrom('write', 'write', 'write', 'reset', 'mark', 'purge'),
      namespace: fc.constantFrom('x', 'x/y'),
      set: fc.array(fc.tuple(key, value), { maxLength: 4 }),
      dead: fc.nat(3),
      pick: fc.nat(5),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async changes => {
        round++
        const model = new Map<string, { values: Map<string, Json>; letters: { id: number; marked: boolean }[] }>()
        for (const { kind, namespace: short, set, dead, pick } of changes) {
          const namespace = `${round}/${short}`
          const known = model.get(namespace) ?? { values: new Map(), letters: [] }
          model.set(namespace, known)
          const picked = known.letters.filter((_, at) => at % 2 === pick % 2)
          const ids = picked.map(({ id }) => id)
          if (kind === 'reset') {
            await state.reset(namespace)
            model.delete(namespace)
          } else if (kind === 'mark') {
            assert.equal(await state.retryDeadLetters(namespace, ids), picked.length)
            for (const letter of picked) letter.marked = true
          } else if (kind === 'purge') {
            assert.equal(await state.purgeDeadLetters(namespace, ids), picked.length)
            known.letters = known.letters.filter(letter => !picked.includes(letter))
          } else {
            const write: StateChange = {
              set: new Map(set),
              dead: Array.from({ length: dead }, () => letterOf('n')),
              settled: ids,
            }
            await state.write(namespace, write)
            for (const [name, data] of set) {
              if (data === undefined) known.values.delete(name)
              else known.values.set(name, JSON.parse(JSON.stringify(data)))
            }
            known.letters = known.letters.filter(letter => !picked.includes(letter))
            const before = new Set(known.letters.map(({ id }) => id))
            const added = (await state.deadLetters(namespace)).letters.filter(({ id }) => !before.has(id))
            assert.equal(added.length, dead)
            known.letters.push(...added.map(({ id }) => ({ id, marked: false })))
          }
        }
        for (const [namespace, { values, letters }] of model) {
          assert.deepEqual(await state.read(namespace), values)
          const stored = (await state.deadLetters(namespace)).letters
          assert.deepEqual(
            stored.map(({ id, retry_at }) => ({ id, marked: retry_at !== null })),
            letters,
          )
          assert.equal(await state.countDeadLetters(namespace), letters.length)
        }
      }),
      { numRuns: 40 },
    )
  })
}

export function letterOf(node: string): NewDeadLetter {
  return {
    node,
    epoch: 3,
    code: 'bad_row',
    message: 'amount is text',
    row: '{"id":1}',
    retryable: true,
    size: 8,
    at: 1_700_000_000_000_000,
  }
}
