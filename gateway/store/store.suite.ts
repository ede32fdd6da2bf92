import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { DeadEntry, Frames } from '../../core/framing/framing.ts'
import { promoted, recordsSuite } from './records.suite.ts'
import type { AppendOutcome, AppendRequest, Store } from './store.ts'

/** Frames of texts that are taken as they are; `dead` gives the code of those that are dead letters. */
export function framesOf(texts: readonly string[], dead: Record<number, DeadEntry['code']> = {}): Frames {
  const bytes = new TextEncoder().encode(texts.join('\n'))
  const spans = new Uint32Array(texts.length * 2)
  let at = 0
  texts.forEach((text, k) => {
    const size = Buffer.byteLength(text)
    spans[k * 2] = at
    spans[k * 2 + 1] = at + size
    at += size + 1
  })
  const letters = Object.entries(dead).map(([k, code]) => ({
    at: Number(k),
    code,
    message: `why ${k}`,
    size: Buffer.byteLength(texts[Number(k)]!),
  }))
  return { bytes, spans, count: texts.length, dead: letters }
}

export function appendOf(
  key: string,
  texts: readonly string[] | undefined,
  more: Partial<AppendRequest> & { dead?: Record<number, DeadEntry['code']> } = {},
): AppendRequest {
  const { dead, ...rest } = more
  return {
    tenant: '',
    key,
    opening: { transport: 'http', headers: '{"host":"a"}', remoteAddr: '127.0.0.1' },
    epoch: undefined,
    offset: undefined,
    receivedAt: 1_700_000_000_123_456,
    frames: texts === undefined ? undefined : framesOf(texts, dead),
    last: false,
    ...rest,
  }
}

const limits = { ms: 5000, bytes: 64 << 20, rows: 100 }

type Open = (options: { promote: readonly string[] }) => Promise<Store>

/** What every store must do. `sql`: it answers queries; `own`: in another dialect than SQLite's, which its room tests. */
export function storeSuite(name: string, open: Open, { sql }: { sql: boolean | 'own' }): void {
  describe(`store ${name}`, () => {
    let store: Store
    before(async () => {
      store = await open({ promote: promoted })
    })
    after(() => store.close())

    const ok = (outcome: AppendOutcome) => {
      assert.ok(outcome.ok, JSON.stringify(outcome))
      return outcome
    }
    const payloads = async (key: string, tenant = '') => {
      const stream = await store.getStream({ tenant, key })
      return (await store.readStream(stream!.stream_id, 0, 1000)).events.map(e => `${e.stream_index}:${e.payload}`)
    }

    test('an append is stored byte for byte, in order, and counted', async () => {
      const texts = ['{"a": 1.0,"a":2}', '"\\ud800\\u0000"', '1e400', '"ä€😀"', '[]', 'null']
      const outcome = ok(await store.append(appendOf('bytes', texts)))
      assert.deepEqual(
        { count: outcome.count, accepted: outcome.accepted, duplicates: 0, rejected: 0 },
        { count: 6, accepted: 6, duplicates: 0, rejected: 0 },
      )
      assert.deepEqual(
        await payloads('bytes'),
        texts.map((t, i) => `${i}:${t}`),
      )
    })

    test('an offset below the count skips the overlap and counts it', async () => {
      ok(await store.append(appendOf('overlap', ['0', '1', '2'], { offset: 0 })))
      const again = ok(await store.append(appendOf('overlap', ['1', '2', '3', '4', '5', '6', '7'], { offset: 1 })))
      assert.deepEqual([again.count, again.accepted, again.duplicates], [8, 5, 2])
      const whole = ok(await store.append(appendOf('overlap', ['0', '1'], { offset: 0 })))
      assert.deepEqual([whole.count, whole.accepted, whole.duplicates], [8, 0, 2])
      assert.deepEqual(
        await payloads('overlap'),
        ['0', '1', '2', '3', '4', '5', '6', '7'].map((t, i) => `${i}:${t}`),
      )
    })

    test('an offset above the count is a gap and stores nothing', async () => {
      const outcome = await store.append(appendOf('gap', ['5'], { offset: 5 }))
      assert.deepEqual([outcome.ok, outcome.count], [false, 0])
      ok(await store.append(appendOf('gap', ['0'], { offset: 0 })))
      const second = await store.append(appendOf('gap', ['2'], { offset: 2 }))
      assert.equal(!second.ok && second.code, 'gap')
      assert.equal(second.count, 1)
    })

    test('a higher epoch is adopted by an append or an open, an older one is fenced, none is the current one', async () => {
      assert.equal(ok(await store.append(appendOf('epoch', undefined, { epoch: 3 }))).epoch, 3)
      const fenced = await store.append(appendOf('epoch', ['1'], { epoch: 2 }))
      assert.equal(!fenced.ok && fenced.code, 'fenced')
      assert.equal(fenced.epoch, 3)
      assert.equal(ok(await store.append(appendOf('epoch', ['1'], { epoch: 4 }))).count, 1)
      assert.equal(ok(await store.append(appendOf('epoch', ['2']))).epoch, 4)
      assert.equal((await store.getStream({ tenant: '', key: 'epoch' }))?.epoch, 4)
    })

    test('a dead letter takes a position, keeps its bytes, and is stored there when it is retried', async () => {
      const outcome = ok(await store.append(appendOf('dead', ['1', '{bad', '3'], { dead: { 1: 'bad_event' } })))
      assert.deepEqual([outcome.count, outcome.accepted, outcome.rejected], [3, 2, 1])
      assert.deepEqual(await payloads('dead'), ['0:1', '2:3'])
      const [letter] = (await store.listDeadLetters({ limit: 10, streamKey: 'dead' })).letters
      assert.deepEqual(
        [letter!.stream_index, letter!.code, letter!.message, Buffer.from(letter!.raw).toString()],
        [1, 'bad_event', 'why 1', '{bad'],
      )
      const again = ok(
        await store.append(
          appendOf('dead', ['1', '{bad', '3', '{worse'], { dead: { 1: 'bad_event', 3: 'bad_event' }, offset: 0 }),
        ),
      )
      assert.deepEqual([again.count, again.accepted, again.duplicates, again.rejected], [4, 0, 3, 1])
      assert.equal(await store.retryDeadLetter(letter!.dead_letter_id, Buffer.from('{"good":1}')), true)
      assert.equal(await store.retryDeadLetter(letter!.dead_letter_id, Buffer.from('1')), false)
      assert.deepEqual(await payloads('dead'), ['0:1', '1:{"good":1}', '2:3'])
      assert.equal((await store.getStream({ tenant: '', key: 'dead' }))?.count, 4)
      const { letters: rest } = await store.listDeadLetters({ limit: 10, streamKey: 'dead' })
      assert.equal(await store.purgeDeadLetters(rest.map(l => l.dead_letter_id)), 1)
    })

    test('pages of a stream go on to its count, over dead letters in between and at its end', async () => {
      const texts = ['1', '{bad', '3', '{bad', '{bad']
      const { streamId } = ok(
        await store.append(appendOf('paged', texts, { dead: { 1: 'bad_event', 3: 'bad_event', 4: 'bad_event' } })),
      )
      const read = async (from: number, limit: number) => {
        const { events, next } = await store.readStream(streamId, from, limit)
        return [events.map(event => event.payload).join(), next]
      }
      assert.deepEqual(await read(0, 1), ['1', 1])
      assert.deepEqual(await read(1, 1), ['3', 3])
      assert.deepEqual(await read(3, 1), ['', 5])
      assert.deepEqual(await read(0, 10), ['1,3', 5])
      assert.deepEqual(await read(5, 10), ['', 5])
      assert.deepEqual(await read(9, 10), ['', 9])
    })

    test('a page of a stream ends by bytes, and the next one goes on behind it', async () => {
      const big = `"${'x'.repeat(3 << 20)}"`
      const { streamId } = ok(await store.append(appendOf('big page', [big, big, big, big])))
      const first = await store.readStream(streamId, 0, 1000)
      assert.deepEqual([first.events.length, first.next], [3, 3])
      const second = await store.readStream(streamId, first.next, 1000)
      assert.deepEqual([second.events.length, second.next], [1, 4])
    })

    test('a list of dead letters shows their beginnings, and its pages end by the bytes of the whole', async () => {
      const big = 'x'.repeat(3 << 20)
      const dead = Object.fromEntries([0, 1, 2, 3].map(k => [k, 'bad_event' as const]))
      ok(await store.append(appendOf('big letters', [big, big, big, big], { dead })))
      const query = { limit: 1000, streamKey: 'big letters' }
      const first = await store.listDeadLetters(query)
      assert.equal(first.letters.length, 3)
      assert.deepEqual([first.letters[0]!.raw.length, first.letters[0]!.size], [1024, big.length])
      const second = await store.listDeadLetters({ ...query, after: first.next! })
      assert.deepEqual([second.letters.length, second.next], [1, null])
      assert.equal((await store.getDeadLetter(first.letters[0]!.dead_letter_id))?.raw.length, big.length)
    })

    test('a purge deletes those of its ids or all, and of one tenant where it is told so', async () => {
      await store.purgeDeadLetters('all')
      const letters = Array.from({ length: 2500 }, () => '{bad')
      const dead = Object.fromEntries(letters.map((_, k) => [k, 'bad_event' as const]))
      for (const tenant of ['x', 'y']) ok(await store.append(appendOf('purged', letters, { dead, tenant })))
      const idsOf = async (tenant: string) =>
        (await store.listDeadLetters({ tenant, limit: 5000 })).letters.map(letter => letter.dead_letter_id)
      const [ofX, ofY] = [await idsOf('x'), await idsOf('y')]
      assert.equal(await store.purgeDeadLetters([ofX[0]!, ofY[0]!, ofX[0]!, 2 ** 52], 'x'), 1)
      assert.equal(await store.purgeDeadLetters('all', 'x'), 2499)
      assert.deepEqual([(await idsOf('x')).length, (await idsOf('y')).length], [0, 2500])
      assert.equal(await store.purgeDeadLetters('all'), 2500)
      assert.equal(await store.purgeDeadLetters('all'), 0)
    })

    test('appends that overlap in time keep their order within a stream', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, i) => store.append(appendOf(`order ${i % 3}`, [`${i}`, `"x${i}"`]))),
      )
      assert.ok(outcomes.every(o => o.ok))
      const expected = Array.from({ length: 50 }, (_, i) => i)
        .filter(i => i % 3 === 1)
        .flatMap(i => [`${i}`, `"x${i}"`])
      assert.deepEqual(
        await payloads('order 1'),
        expected.map((t, i) => `${i}:${t}`),
      )
    })

    test('tenants do not share keys', async () => {
      ok(await store.append(appendOf('shared', ['1'], { tenant: 'a' })))
      ok(await store.append(appendOf('shared', ['2'], { tenant: 'b' })))
      assert.deepEqual(await payloads('shared', 'b'), ['0:2'])
      assert.deepEqual(
        (await store.listStreams({ tenant: 'a', limit: 10 })).map(s => s.tenant),
        ['a'],
      )
    })

    test('a stream tells who began it, when it was last written and when it was closed', async () => {
      const first = ok(await store.append(appendOf('life', ['1'], { receivedAt: 1000, last: true })))
      assert.equal((await store.getStream({ tenant: '', key: 'life' }))?.closed_at, 1000)
      ok(
        await store.append(
          appendOf('life', ['2'], {
            receivedAt: 2000,
            opening: { transport: 'websocket', headers: '{}', remoteAddr: 'b' },
          }),
        ),
      )
      const open = await store.getStream({ tenant: '', key: 'life' })
      assert.deepEqual(
        [open?.transport, open?.headers, open?.opened_at, open?.last_at, open?.closed_at],
        ['http', '{"host":"a"}', 1000, 2000, null],
      )
      store.closeStream(first.streamId, 3000)
      ok(await store.append(appendOf('another', ['1'])))
      assert.equal((await store.getStream({ tenant: '', key: 'life' }))?.closed_at, 3000)
    })

    test('the tail pages by event id, of all streams or of one, and is announced', async () => {
      const start = await store.lastEventId()
      const announced = new Promise<void>(resolve => {
        const stop = store.onCommit(() => {
          stop()
          resolve()
        })
      })
      ok(await store.append(appendOf('tail a', ['1', '2', '3'])))
      ok(await store.append(appendOf('tail b', ['4'])))
      await announced
      const first = await store.readTail({ after: start, limit: 2 })
      assert.deepEqual(
        first.events.map(e => e.payload),
        ['1', '2'],
      )
      const second = await store.readTail({ after: first.next, limit: 10 })
      assert.deepEqual(
        second.events.map(e => `${e.stream_key}:${e.payload}`),
        ['tail a:3', 'tail b:4'],
      )
      assert.deepEqual((await store.readTail({ after: second.next, limit: 10 })).events, [])
      const above = await store.readTail({ after: second.next + 100, limit: 10 })
      assert.deepEqual(above, { events: [], next: second.next }, 'a position that the store never had')
      const b = await store.getStream({ tenant: '', key: 'tail b' })
      assert.deepEqual(
        (await store.readTail({ after: start, limit: 10, streamId: b!.stream_id })).events.map(e => e.payload),
        ['4'],
      )
      await store.deleteStream({ tenant: '', key: 'tail b' })
      assert.equal(await store.lastEventId(), second.next, 'also once the newest event is deleted')
    })

    test('a deleted stream is gone with its rows, and its key begins anew', async () => {
      ok(
        await store.append(
          appendOf(
            'gone',
            Array.from({ length: 5000 }, (_, i) => `${i}`),
          ),
        ),
      )
      assert.equal(await store.deleteStream({ tenant: '', key: 'gone' }), true)
      assert.equal(await store.getStream({ tenant: '', key: 'gone' }), undefined)
      assert.equal(await store.deleteStream({ tenant: '', key: 'gone' }), false)
      const again = ok(await store.append(appendOf('gone', ['"new"'], { offset: 0 })))
      assert.equal(again.count, 1)
      assert.deepEqual(await payloads('gone'), ['0:"new"'])
    })

    test('tokens are created, watched, listed and revoked; a name lives once', async () => {
      const token = {
        name: 'ci',
        hash: 'ab'.repeat(32),
        scopes: ['ingest' as const],
        tenant: 't',
        events_per_second: 5,
        bytes_per_second: null,
        created_at: 1,
      }
      const seen: string[][] = []
      const stop = store.watchTokens(tokens => seen.push(tokens.map(t => t.name)))
      const row = await store.createToken(token)
      assert.deepEqual([row.name, row.scopes, row.revoked_at], ['ci', ['ingest'], null])
      await assert.rejects(store.createToken({ ...token, hash: 'cd'.repeat(32) }), /there is a token named ci/)
      assert.equal(await store.revokeToken('ci', 2), true)
      assert.equal(await store.revokeToken('ci', 2), false)
      stop()
      assert.deepEqual(
        (await store.listTokens()).map(({ name, revoked_at }) => [name, revoked_at]),
        [['ci', 2]],
      )
      assert.deepEqual([seen.at(0), seen.at(-1)], [[], []])
      assert.ok(seen.some(names => names.includes('ci')))
    })

    recordsSuite(() => store, { open, sql })
    if (sql === true) sqlSuite(() => store)
    if (sql === false)
      test('a store without SQL says so', async () => {
        await assert.rejects(store.query('select 1', [], limits), { code: 'not_supported' })
      })
  })
}

function sqlSuite(get: () => Store): void {
  test('a query reads the data tables with parameters', async () => {
    await get().append(appendOf('sql', ['{"n":1}', '{"n":2}']))
    const result = await get().query(
      "select payload->>'n' as n from events join streams using (stream_id) where stream_key = ? order by stream_index",
      ['sql'],
      limits,
    )
    assert.deepEqual(result, { columns: ['n'], rows: [[1], [2]], truncated: false })
  })

  test('a query has exact integers, and is cut at its row limit', async () => {
    const result = await get().query(
      'with recursive c(x) as (select 9007199254740993 union all select x + 1 from c) select x from c',
      [],
      { ...limits, rows: 2 },
    )
    assert.deepEqual([result.rows, result.truncated], [[['9007199254740993'], ['9007199254740994']], true])
  })

  for (const [what, text] of Object.entries({
    'a write': 'delete from events',
    'two statements': 'select 1; select 2',
    'an attach': "attach '/tmp/x.db' as x",
    'a pragma': 'pragma user_version',
    'a pragma function': "select * from pragma_table_info('events')",
    'a pragma function in disguise': 'select * from "PRAGMA_database_list"',
    'the pages of the file': 'select name, pgno from dbstat',
    'the tokens': 'select * from tokens',
    'the tokens in disguise':
      'with t as (select hash from "main"."tokens") select * from events where payload in (select * from t)',
    'the index of the tokens': 'select hash from tokens order by hash',
    'a hidden write': 'with x as (select 1) insert into events select 1',
    'no SQL': 'hello',
    nothing: ' ',
  }))
    test(`a query with ${what} is refused`, async () => {
      await assert.rejects(get().query(text, [], limits), { code: 'bad_query' })
    })

  test('a query may take JSON apart, and name in its literals and comments what it may not read', async () => {
    for (const [text, rows] of [
      ["select value from json_each('[1,2]')", [[1], [2]]],
      [`select t.atom from (select '{"a":[3]}' as j), json_tree(j) t where t.type = 'integer'`, [[3]]],
      [`select 'pragma_x dbstat tokens' as "pragma_table_info" -- from pragma_x`, [['pragma_x dbstat tokens']]],
    ] as const)
      assert.deepEqual((await get().query(text, [], limits)).rows, rows, text)
  })

  test('a query past its time or memory is killed, and the next one runs', async () => {
    const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c'
    await assert.rejects(get().query(endless, [], { ...limits, ms: 200 }), { code: 'query_limit' })
    await assert.rejects(
      get().query(
        "select length(group_concat(randomblob(1000000), '')) from (with recursive c(x) as (select 1 union all select x + 1 from c limit 1000) select x from c)",
        [],
        limits,
      ),
      { code: 'query_limit' },
    )
    assert.deepEqual((await get().query('select 1 as one', [], limits)).rows, [[1]])
  })

  test('a filtered tail stays inside its expression', async () => {
    const start = await get().lastEventId()
    await get().append(appendOf('where', ['{"level":"info"}', '{"level":"error"}']))
    const page = await get().readTail({ after: start, limit: 10, where: "payload->>'level' = 'error'" })
    assert.deepEqual(
      page.events.map(e => e.payload),
      ['{"level":"error"}'],
    )
    for (const where of ['1) or (1', '(select 1)', '1 -- x', '1;', 'nosuch', '?', '', '1)union select(1'])
      await assert.rejects(get().readTail({ after: start, limit: 10, where }), { code: 'bad_query' }, where)
  })
}
