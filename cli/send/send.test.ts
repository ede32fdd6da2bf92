import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { run, start, temporaryFolder } from '../harness/command.suite.ts'
import { gatewayOfFile, payloadsOf, startGateway } from '../harness/gateway.suite.ts'
import { type Fate, startProxy } from '../harness/proxy.suite.ts'

const gateway = gatewayOfFile()

function file(name: string, text: string): string {
  const path = join(gateway.folder, name)
  writeFileSync(path, text)
  return path
}

const lines = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `{"n":${from + at}}`)

function send(args: string[], input?: string) {
  return run(['send', '--url', gateway.url, ...args], input === undefined ? {} : { input })
}

test('the events of all files are stored in order, and the outcome is one JSON object', async () => {
  const a = file('a.ndjson', `${lines(1000).join('\n')}\n`)
  const b = file('b.ndjson', `\n${lines(500, 1000).join('\r\n')}`)
  const { code, stdout, stderr } = await send([a, b, '--stream', 'two files', '--batch-bytes', '1KiB', '--json'])
  assert.equal(code, 0, stderr)
  const { seconds, ...outcome } = JSON.parse(stdout)
  assert.deepEqual(outcome, {
    stream: 'two files',
    count: 1500,
    accepted: 1500,
    duplicates: 0,
    rejected: 0,
    bytes: outcome.bytes,
  })
  assert.equal(typeof seconds, 'number')
  assert.deepEqual(await payloadsOf(gateway.url, 'two files'), lines(1500))
})

test('run again with the same stream nothing is sent twice, and it says so', async () => {
  const path = file('again.ndjson', lines(300).join('\n'))
  await send([path, '--stream', 'again'])
  const { code, stdout, stderr } = await send([path, '--stream', 'again', '--json'])
  assert.equal(code, 0)
  assert.match(stderr, /stream again already has 300 events: skipping as many/)
  const { count, accepted, duplicates } = JSON.parse(stdout)
  assert.deepEqual({ count, accepted, duplicates }, { count: 300, accepted: 0, duplicates: 300 })
  assert.deepEqual(await payloadsOf(gateway.url, 'again'), lines(300))
})

test('a file that has grown is sent from where it was', async () => {
  const path = file('grown.ndjson', `${lines(10).join('\n')}\n`)
  await send([path, '--stream', 'grown'])
  writeFileSync(path, lines(25).join('\n'))
  assert.equal((await send([path, '--stream', 'grown', '--batch-bytes', '20'])).code, 0)
  assert.deepEqual(await payloadsOf(gateway.url, 'grown'), lines(25))
})

test('--append adds the whole input to what is there', async () => {
  await send(['--stream', 'appended'], lines(10).join('\n'))
  const { code, stderr } = await send(['--stream', 'appended', '--append'], lines(10).join('\n'))
  assert.equal(code, 0, stderr)
  assert.deepEqual(await payloadsOf(gateway.url, 'appended'), [...lines(10), ...lines(10)])
})

test('stdin is sent as it comes, without waiting for its end', async () => {
  const { child, ended } = start(['send', '--url', gateway.url, '--stream', 'live'])
  child.stdin.write('{"n":0}\n{"n":')
  while ((await payloadsOf(gateway.url, 'live')).length < 1) await new Promise(resolve => setTimeout(resolve, 20))
  child.stdin.end('1}')
  assert.equal((await ended).code, 0)
  assert.deepEqual(await payloadsOf(gateway.url, 'live'), lines(2))
})

test('without a stream the key that was made is told, so that a broken run can be resumed', async () => {
  const { code, stderr } = await send([], lines(3).join('\n'))
  assert.equal(code, 0)
  const stream = /sending to stream (\S+)/.exec(stderr)?.[1] ?? ''
  assert.deepEqual(await payloadsOf(gateway.url, stream), lines(3))
})

test('values over several lines, side by side, and keys of any text arrive as they are', async () => {
  const { code, stderr } = await send(['--stream', 'ströme/日本 1', '--gzip'], '{\n "a": 1\n}{"b":2} 3\n"vier"\n1e400')
  assert.equal(code, 0, stderr)
  assert.deepEqual(await payloadsOf(gateway.url, 'ströme/日本 1'), ['{ "a": 1}', '{"b":2}', '3', '"vier"', '1e400'])
})

test('a bad event ends it with file, line and reason, after everything before it is stored', async () => {
  const good = file('good.ndjson', `${lines(5).join('\n')}\n`)
  const bad = file('bad.ndjson', `${lines(3, 5).join('\n')}\n\n{"n":oops}\n${lines(3, 8).join('\n')}\n`)
  const { code, stdout, stderr } = await send([good, bad, '--stream', 'bad', '--json'])
  assert.equal(code, 1)
  assert.match(stderr, /millrace: \S+bad\.ndjson:5: .*\(bad_event\); stream bad has 8 events/)
  assert.match(JSON.parse(stdout).error, /bad\.ndjson:5/)
  assert.deepEqual(await payloadsOf(gateway.url, 'bad'), lines(8))

  writeFileSync(bad, `${lines(3, 5).join('\n')}\n\n{"n":8}\n`)
  assert.equal((await send([good, bad, '--stream', 'bad'])).code, 0, 'mended, it goes on')
  assert.deepEqual(await payloadsOf(gateway.url, 'bad'), lines(9))
})

test('an event that only the gateway finds bad is told by its line in the file, too', async () => {
  const own = temporaryFolder()
  const config = join(own.path, 'millrace.yaml')
  writeFileSync(config, 'gateway: { limits: { event: 100 } }\n')
  const strict = await startGateway(own.path, ['--config', config])
  try {
    const large = JSON.stringify('x'.repeat(100))
    const path = file('large.ndjson', `${lines(40).join('\n')}\n${large}\n`)
    const { code, stderr } = await run(['send', '--url', strict.url, path, '--stream', 'large', '--batch-bytes', '90'])
    assert.equal(code, 1)
    assert.match(stderr, /large\.ndjson:41: .*\(event_too_large\); stream large has 40 events/)
  } finally {
    await strict.stop()
    own.remove()
  }
})

test('with --on-error dead_letter a bad event takes its position and the rest goes on', async () => {
  const path = file('dead.ndjson', '{"n":0}\n{"n":oops}\n{"n":2}\n{"n":')
  const args = [path, '--stream', 'dead', '--on-error', 'dead_letter', '--json']
  const { code, stdout, stderr } = await send(args)
  assert.equal(code, 0, stderr)
  const { count, accepted, rejected } = JSON.parse(stdout)
  assert.deepEqual({ count, accepted, rejected }, { count: 4, accepted: 2, rejected: 2 })
  assert.match(stderr, /2 became dead letters/)
  const again = JSON.parse((await send(args)).stdout)
  assert.deepEqual([again.count, again.duplicates], [4, 4])
})

test('a missing file, a folder and a gateway that is not there are failures', async () => {
  assert.match((await send(['none.ndjson'])).stderr, /^millrace: read none\.ndjson: ENOENT/)
  assert.match((await send([gateway.folder])).stderr, /it is a folder/)
  const closed = await startProxy(() => 0, [])
  closed.close()
  const gone = await run(['send', '--url', closed.url, '--retry-for', '1ms'], { input: '1' })
  assert.equal(gone.code, 1)
  assert.match(gone.stderr, /gave up .* ECONNREFUSED 127\.0\.0\.1:\d+/)
})

test('what is no gateway is told as such', async () => {
  assert.match((await run(['send', '--url', 'ftp://x'], { input: '1' })).stderr, /expected an address such as/)
})

test('a higher epoch fences an older producer off', async () => {
  assert.equal((await send(['--stream', 'fenced', '--epoch', '2'], '1')).code, 0)
  const { code, stderr } = await send(['--stream', 'fenced', '--epoch', '1', '--append'], '2')
  assert.equal(code, 1)
  assert.match(stderr, /\(fenced\)/)
  assert.deepEqual(await payloadsOf(gateway.url, 'fenced'), ['1'])
})

test('interrupted it tells what is stored and how to go on', async () => {
  const { child, ended } = start(['send', '--url', gateway.url, '--stream', "Anna's", '--json'])
  child.stdin.write('{"n":0}\n')
  while ((await payloadsOf(gateway.url, "Anna's")).length < 1) await new Promise(resolve => setTimeout(resolve, 20))
  child.kill('SIGINT')
  const { code, stdout, stderr } = await ended
  assert.equal(code, 1)
  assert.match(stderr, /stopped; stream Anna's has 1 events, and with --stream 'Anna'\\''s' it goes on there/)
  assert.deepEqual([JSON.parse(stdout).count, JSON.parse(stdout).error], [1, 'stopped'])
})

test('it waits for a gateway that is restarted, and loses and repeats nothing', async () => {
  const own = temporaryFolder()
  let current = await startGateway(own.path)
  const proxy = await startProxy(() => current.port, [])
  try {
    const path = file('restart.ndjson', lines(30_000).join('\n'))
    const args = ['send', '--url', proxy.url, path, '--stream', 'restart', '--batch-bytes', '2KiB', '--json']
    const { ended } = start(args)
    while ((await payloadsOf(current.url, 'restart')).length < 1000)
      await new Promise(resolve => setTimeout(resolve, 5))
    await current.stop('SIGKILL')
    proxy.cutAll()
    current = await startGateway(own.path)
    const { code, stdout, stderr } = await ended
    assert.equal(code, 0, stderr)
    assert.equal(JSON.parse(stdout).accepted, 30_000)
    assert.deepEqual(await payloadsOf(current.url, 'restart'), lines(30_000))
  } finally {
    proxy.close()
    await current.stop()
    own.remove()
  }
})

test('whatever breaks on the way, every event is stored once and in order', async () => {
  const fate: fc.Arbitrary<Fate> = fc.oneof(
    fc.constant('refuse' as const),
    fc.record({ cutRequestAt: fc.integer({ min: 1, max: 6000 }) }),
    fc.record({ cutAnswerAt: fc.integer({ min: 1, max: 600 }) }),
  )
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 5 }), async fates => {
      const stream = `faults-${runs++}`
      const proxy = await startProxy(() => gateway.port, [...fates])
      try {
        const args = ['send', '--url', proxy.url, '--stream', stream, '--batch-bytes', '1KiB', '--json']
        const { code, stdout, stderr } = await run(args, { input: lines(400).join('\n') })
        assert.equal(code, 0, stderr)
        const { count, accepted, duplicates } = JSON.parse(stdout)
        assert.deepEqual([count, accepted + duplicates], [400, 400])
        assert.deepEqual(await payloadsOf(gateway.url, stream), lines(400))
      } finally {
        proxy.close()
      }
    }),
    { numRuns: 12 },
  )
})
