import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect as netConnect } from 'node:net'
import { after, before, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { ask, post, raw } from '../support/http.ts'
import { createStore, overEachStore, type TestStore } from '../support/stores.ts'

overEachStore(kind => {
  let gateway: RunningGateway
  let store: TestStore
  const dir = tempDir()
  before(async () => {
    store = await createStore(kind, dir.path)
    gateway = await startGateway(['--store', store.url, '--port', '0', '--log-level', 'warn', '--config', configFile()])
  })
  after(async () => {
    assert.equal(await gateway.end(), 0)
    await store.drop()
    dir.remove()
  })

  /** Small limits, so that passing them is cheap. */
  function configFile(): string {
    const file = `${dir.path}/millrace.yaml`
    writeFileSync(file, 'gateway: { limits: { body: 4MiB, event: 1MiB, headers: 16KiB } }\n')
    return file
  }

  const url = (path: string) => gateway.url + path
  const stored = async (key: string) => (await ask(url(`/v1/streams/${encodeURIComponent(key)}/events`))).body

  test('one event on / answers the bare count, and JSON where it is asked for', async () => {
    const plain = await post(url('/'), '{"a":1}')
    assert.deepEqual([plain.status, plain.body, plain.headers['content-type']], [200, '1', 'text/plain; charset=utf-8'])
    const json = await post(url('/?stream=root'), '1 2 3', { accept: 'application/json' })
    assert.deepEqual(json.json(), { stream: 'root', count: 3, accepted: 3, duplicates: 0, rejected: 0, errors: [] })
  })

  test('an empty body stores nothing and counts 0; with a stream it opens it', async () => {
    assert.equal((await post(url('/'), '')).body, '0')
    assert.deepEqual((await post(url('/v1/events'), ' \n ')).json(), {
      stream: null,
      count: 0,
      accepted: 0,
      duplicates: 0,
      rejected: 0,
      errors: [],
    })
    assert.equal((await ask(url('/v1/streams/opened'), { method: 'HEAD' })).status, 404)
    assert.equal((await post(url('/v1/events?stream=opened&epoch=5'), '')).json().count, 0)
    const head = await ask(url('/v1/streams/opened'), { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers['millrace-count'], head.headers['millrace-epoch']], [200, '0', '5'])
  })

  test('payloads come back byte for byte', async () => {
    const lines = [
      '{"b": 2, "a" :1,"a":3}',
      '"\\ud800\\u0000\\/"',
      '1e400',
      '-0.0',
      '"ä€😀"',
      '12345678901234567890123456789',
      '[ ]',
      'null',
    ]
    await post(url('/v1/events?stream=bytes'), `${lines.join('\n')}\n`)
    assert.equal(await stored('bytes'), `${lines.join('\n')}\n`)
    await post(url('/v1/events?stream=pretty'), '\ufeff{\n  "a": [\r\n 1\n]}{"b":2}\r\n\r\n"x""y"')
    assert.equal(await stored('pretty'), '{  "a": [ 1]}\n{"b":2}\n"x"\n"y"\n')
  })

  test('a bad event stops the body: 400, its line, and everything before it stored', async () => {
    const answer = await post(url('/v1/events?stream=bad'), '{"a":1}\n{"a":2},{"a":3}\n{"a":4}\n')
    assert.equal(answer.status, 400)
    const { message, errors, ...rest } = answer.json() as { message: string; errors: { message: string }[] }
    assert.deepEqual(rest, { error: 'bad_event', stream: 'bad', count: 2, accepted: 2, duplicates: 0, rejected: 1 })
    assert.match(message, /","/)
    assert.deepEqual(
      errors.map(({ message: _, ...e }) => e),
      [{ index: 2, line: 2, code: 'bad_event' }],
    )
    assert.equal(await stored('bad'), '{"a":1}\n{"a":2}\n')
  })

  test('a body that begins badly has a count too', async () => {
    assert.equal((await post(url('/v1/events'), '{oops')).json().count, 0)
  })

  test('a body that ends inside a value is an error after what came before', async () => {
    const answer = (await post(url('/v1/events?stream=partial'), '{"a":1}\n{"a":')).json()
    assert.deepEqual([answer.error, answer.count], ['incomplete_event', 1])
  })

  test('with on_error=dead_letter bad text keeps its position and can be read, retried and purged', async () => {
    const answer = (await post(url('/v1/events?stream=dead&on_error=dead_letter'), '1\n{oops}\n3\n"cut')).json() as {
      count: number
      accepted: number
      rejected: number
      errors: unknown[]
    }
    assert.deepEqual([answer.count, answer.accepted, answer.rejected, answer.errors.length], [4, 2, 2, 2])
    assert.equal(await stored('dead'), '1\n3\n')
    const list = (await ask(url('/v1/dead-letters?stream=dead'))).json().dead_letters as {
      id: number
      text: string
      index: number
      code: string
    }[]
    assert.deepEqual(
      list.map(({ text, index, code }) => [text, index, code]),
      [
        ['{oops}', 1, 'bad_event'],
        ['"cut', 3, 'incomplete_event'],
      ],
    )
    const admin = (path: string, body: unknown) =>
      post(url(`/v1/dead-letters/${path}`), JSON.stringify(body), { 'content-type': 'application/json' })
    const still = (await admin('retry', { ids: [list[0]!.id, 999_999] })).json() as {
      retried: unknown[]
      failed: { code: string }[]
    }
    assert.deepEqual([still.retried, still.failed.map(f => f.code)], [[], ['bad_event', 'not_found']])
    assert.deepEqual((await admin('retry', { ids: [list[0]!.id], payload: '{"mended":true}' })).json().retried, [
      list[0]!.id,
    ])
    assert.equal(await stored('dead'), '1\n{"mended":true}\n3\n')
    assert.equal((await admin('purge', { all: true })).json().purged, 1)
    assert.equal((await admin('purge', {})).status, 400)
    assert.equal(
      (await post(url('/v1/dead-letters/purge'), '{"all":true}', { 'content-type': 'text/plain' })).status,
      415,
    )
  })

  test('an offset skips what is there and counts it; a gap and an older epoch are refused with the count', async () => {
    const send = (body: string, query: string) => post(url(`/v1/events?stream=resume&${query}`), body)
    await send('1\n2\n3\n', 'offset=0&epoch=2')
    assert.deepEqual((await send('2\n3\n4\n', 'offset=1')).json(), {
      stream: 'resume',
      count: 4,
      accepted: 1,
      duplicates: 2,
      rejected: 0,
      errors: [],
    })
    const gap = await send('9\n', 'offset=9')
    assert.deepEqual([gap.status, gap.json().error, gap.json().count], [409, 'gap', 4])
    const fenced = await send('5\n', 'epoch=1')
    assert.deepEqual([fenced.status, fenced.json().error, fenced.json().count], [409, 'fenced', 4])
    assert.equal(await stored('resume'), '1\n2\n3\n4\n')
  })

  test('an array sent as JSON to /v1/events is a batch, and elsewhere one event', async () => {
    const json = { 'content-type': 'application/json; charset=utf-8' }
    assert.equal((await post(url('/v1/events?stream=batch'), '[{"a":1}, [2],\n3]', json)).json().accepted, 3)
    assert.equal(await stored('batch'), '{"a":1}\n[2]\n3\n')
    assert.equal((await post(url('/v1/events?stream=array'), '[1,2]')).json().accepted, 1)
    assert.equal((await post(url('/?stream=array2'), '[1,2]', json)).body, '1')
  })

  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    test(`a ${encoding} body is inflated; one that is broken is 400; one that inflates too far is 413`, async () => {
      const headers = { 'content-encoding': encoding }
      assert.equal((await post(url('/v1/events'), compress(Buffer.from('1\n2\n3\n')), headers)).json().accepted, 3)
      const broken = await post(url('/v1/events'), Buffer.from('not compressed at all'), headers)
      assert.deepEqual([broken.status, broken.json().error], [400, 'bad_encoding'])
      const cut = compress(Buffer.from(`{"a":"${'x'.repeat(1000)}"}\n`.repeat(50)))
      assert.deepEqual(
        (await post(url('/v1/events'), cut.subarray(0, cut.length - 12), headers)).json().error,
        'bad_encoding',
      )
      const doubled = Buffer.concat([compress(Buffer.from('1\n')), compress(Buffer.from('2\n'))])
      const both = (await post(url('/v1/events'), doubled, headers)).json()
      // deflate and br know no second member
      const runs = encoding === 'gzip' || encoding === 'zstd'
      assert.deepEqual([both.error, both.accepted], runs ? [undefined, 2] : ['bad_encoding', 1])
      const behind = Buffer.concat([compress(Buffer.from('1\n')), Buffer.from('garbage')])
      assert.deepEqual((await post(url('/v1/events'), behind, headers)).json().error, 'bad_encoding')
      const bomb = await post(url('/v1/events'), compress(Buffer.alloc(50_000_000, 32)), headers)
      assert.deepEqual([bomb.status, bomb.json().error], [413, 'body_too_large'])
    })
  }

  test('an unknown encoding is 415', async () => {
    assert.equal((await post(url('/v1/events'), '1', { 'content-encoding': 'lzma' })).status, 415)
    assert.equal((await post(url('/v1/events'), '1', { 'content-encoding': 'identity' })).status, 200)
  })

  test('a body above the limit is refused before it is read, and the refusal can be read', async () => {
    const answer = await post(url('/v1/events'), Buffer.alloc(5 * 1024 * 1024, 32))
    assert.deepEqual([answer.status, answer.json().error], [413, 'body_too_large'])
  })

  test('one event above the limit is 413 after what came before, or a dead letter cut at the limit', async () => {
    const big = `1\n"${'x'.repeat(2 * 1024 * 1024)}"\n2\n`
    const stopped = await post(url('/v1/events?stream=big'), big)
    assert.deepEqual([stopped.status, stopped.json().error, stopped.json().count], [413, 'event_too_large', 1])
    const kept = (await post(url('/v1/events?stream=big2&on_error=dead_letter'), big)).json()
    assert.deepEqual([kept.count, kept.rejected], [3, 1])
    const [listed] = (await ask(url('/v1/dead-letters?stream=big2'))).json().dead_letters as { id: number }[]
    const letter = (await ask(url(`/v1/dead-letters/${listed!.id}`))).json() as { size: number; text: string }
    assert.deepEqual([letter.size, letter.text.length], [2 * 1024 * 1024 + 2, 1024 * 1024])
  })

  test('a line of 100 MB is refused without being kept, and the gateway goes on', async () => {
    const { hostname, port } = new URL(gateway.url)
    const socket = netConnect(Number(port), hostname)
    const answered = new Promise<string>(resolve => socket.once('data', data => resolve(String(data))))
    socket.on('error', () => {})
    socket.write(
      'POST /v1/events?stream=line HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n2\r\n\n"\r\n',
    )
    const chunk = Buffer.from(`100000\r\n${'x'.repeat(0x100000)}\r\n`)
    for (let sent = 0; sent < 100 && !socket.destroyed; sent++)
      if (!socket.write(chunk)) await new Promise(resolve => setTimeout(resolve, 5))
    assert.match(await answered, /413 [\s\S]*"error":"event_too_large"[\s\S]*"count":1/)
    socket.destroy()
    assert.equal((await post(url('/'), '1')).status, 200)
  })

  test('900 levels are an event, 901 are not', async () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    assert.equal((await post(url('/'), nested(900))).status, 200)
    const deep = await post(url('/'), nested(901))
    assert.deepEqual([deep.status, deep.json().error], [400, 'too_deep'])
  })

  test('counts grow on a long POST while its body is still being sent', async () => {
    const line = `{"x":"${'y'.repeat(1000)}"}\n`
    const head =
      'POST /v1/events?stream=long HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n'
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
    const text = await raw(
      gateway.url,
      [head, chunk(line.repeat(600)), chunk(line.repeat(600)), chunk(line.repeat(600)), '0\r\n\r\n'],
      t => t.includes('"accepted":1800'),
    )
    const counts = [...text.matchAll(/\{"count":(\d+)\}/g)].map(m => Number(m[1]))
    assert.ok(counts.length >= 2, text)
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
    )
  })

  test('events of a body that rests are stored without waiting for its end', async () => {
    const { hostname, port } = new URL(gateway.url)
    const socket = netConnect(Number(port), hostname)
    socket.write(
      'POST /v1/events?stream=rests HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1\n2\n\r\n',
    )
    const deadline = Date.now() + 5000
    while ((await stored('rests')) !== '1\n2\n' && Date.now() < deadline)
      await new Promise(resolve => setTimeout(resolve, 20))
    assert.equal(await stored('rests'), '1\n2\n')
    socket.write('2\r\n3\n\r\n0\r\n\r\n')
    assert.match(String(await new Promise(resolve => socket.once('data', resolve))), /"accepted":3/)
    socket.destroy()
  })

  test('a body split at every byte is the same body', async () => {
    const body = '{"a":"ä"}\n12 [1,\n2]"x"'
    const bytes = [...Buffer.from(body)].map(byte => Buffer.from([byte]))
    const chunks = bytes.map(byte => Buffer.concat([Buffer.from('1\r\n'), byte, Buffer.from('\r\n')]))
    const text = await raw(
      gateway.url,
      [
        'POST /v1/events?stream=split HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
        ...chunks,
        '0\r\n\r\n',
      ],
      t => t.includes('"accepted"'),
    )
    assert.match(text, /"accepted":4/)
    assert.equal(await stored('split'), '{"a":"ä"}\n12\n[1,2]\n"x"\n')
  })

  test('what is no HTTP, and headers above the limit, get an answer', async () => {
    assert.match(await raw(gateway.url, ['hello\r\n\r\n']), /400 bad_request/)
    assert.match(
      await raw(gateway.url, [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`]),
      /431 headers_too_large/,
    )
  })

  test('a client that offers h2c is answered over HTTP/1.1', async () => {
    const upgrade = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' }
    const answer = await post(url('/'), '1', upgrade)
    assert.deepEqual([answer.status, answer.body], [200, '1'])
  })

  test('routes that are not there say so', async () => {
    assert.deepEqual([(await ask(url('/nothing'))).status, (await ask(url('/v1/events'))).status], [404, 400])
    assert.equal((await ask(url('/v1/streams/none'))).json().error, 'not_found')
  })

  test('a gateway on loopback does not answer web pages', async () => {
    assert.equal(
      (await post(url('/'), '1', { origin: 'https://evil.example', 'content-type': 'text/plain' })).status,
      403,
    )
    assert.equal((await post(url('/'), '1', { host: 'evil.example' })).status, 403)
    assert.equal((await ask(url('/v1/streams'), { headers: { host: 'evil.example' } })).status, 403)
  })
})
