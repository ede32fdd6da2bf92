import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { rpcStatus } from '../../core/otlp/response.ts'
import { run, start, temporaryFolder } from '../harness/command.suite.ts'
import { logsProtobuf } from './otlp.suite.ts'

const folder = temporaryFolder()
after(folder.remove)
const path = join(folder.path, 'logs.pb')
writeFileSync(path, logsProtobuf(['a']))

type Reply = [status: number, headers: Record<string, string>, body?: Uint8Array]
const busy = (retryAfter: string): Reply => [
  429,
  { 'content-type': 'application/x-protobuf', 'retry-after': retryAfter },
  rpcStatus('protobuf', new AppError('rate_limited', 'the token sends too much'), 1),
]
const stored = (count: number): Reply => [200, { 'millrace-count': String(count) }]

/** A server that gives these answers, the last one for ever. */
async function server(...replies: Reply[]) {
  const requests: { url: string | undefined; headers: IncomingHttpHeaders }[] = []
  const http = createServer(({ url, headers }, response) => {
    requests.push({ url, headers })
    const [status, fields, body = ''] = replies.length > 1 ? replies.shift()! : replies[0]!
    response.writeHead(status, fields).end(body)
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  after(() => http.close())
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, requests }
}

test('429 and 503 are tried again once Retry-After is over, with the reason of the gateway', async () => {
  const { url, requests } = await server(
    stored(0),
    busy('0'),
    [503, { 'retry-after': '0' }, Buffer.from('full')],
    stored(1),
  )
  const { code, stderr } = await run(['otlp', path, '--url', url, '--token', 'a-token-of-this-test', '--stream', 'k'])
  assert.equal(code, 0, stderr)
  assert.match(stderr, /the token sends too much; trying again in 0ms\nmillrace: status 503: full; trying again in 0ms/)
  assert.deepEqual(
    requests.map(({ headers }) => headers['millrace-offset']),
    [undefined, '0', '0', '0'],
  )
  const { url: route, headers } = requests[3]!
  assert.equal(route, '/v1/logs')
  assert.equal(headers['content-type'], 'application/x-protobuf')
  assert.deepEqual([headers.authorization, headers['millrace-stream']], ['Bearer a-token-of-this-test', 'k'])
  assert.equal(headers['millrace-epoch'], '1')
})

test('other errors end it with the message of the gateway', async () => {
  const status = rpcStatus('protobuf', new AppError('unauthorized', 'a token is needed'), undefined)
  const { url, requests } = await server([401, { 'content-type': 'application/x-protobuf' }, status])
  const { code, stderr } = await run(['otlp', path, '--url', url])
  assert.deepEqual([code, requests.length], [1, 1])
  assert.match(stderr, /^millrace: http\S+\/v1\/logs: a token is needed\n$/)
})

test('it gives up after --retry-for, with the last reason', async () => {
  const { url } = await server(busy('0'))
  const { code, stderr } = await run(['otlp', path, '--url', url, '--retry-for', '50ms'])
  assert.equal(code, 1)
  assert.match(stderr, /gave up after \d+ms without progress: the token sends too much\n$/)
})

test('what is no gateway is told as such', async () => {
  const { url } = await server([200, {}])
  assert.match((await run(['otlp', path, '--url', url])).stderr, /http\S+ is not a Millrace gateway/)
})

test('interrupted it tells how to go on, and fails', async () => {
  const { url } = await server(stored(0), busy('60'))
  const { child, ended } = start(['otlp', path, '--url', url])
  await once(child.stderr, 'data')
  child.kill('SIGINT')
  const { code, stderr } = await ended
  assert.equal(code, 1)
  assert.match(stderr, /millrace: stopped: run again with the same files it goes on there\n$/)
})
