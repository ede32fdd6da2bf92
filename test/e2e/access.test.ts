import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientRequest, request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { test } from 'node:test'
import { bin, startGateway, tempDir } from '../support/gateway.ts'
import { ask, post } from '../support/http.ts'
import { connect, refused } from '../support/ws.ts'

const millrace = (...args: string[]) => spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' })

test('a token that is created or revoked beside a running gateway counts within a second', async () => {
  const dir = tempDir()
  const store = `sqlite:${dir.path}/a.db`
  const gateway = await startGateway(['--store', store, '--port', '0', '--log-level', 'error'])
  const until = async (status: number, headers: Record<string, string> = {}) => {
    const deadline = Date.now() + 1000
    let last = 0
    while (Date.now() < deadline) {
      last = (await post(gateway.url, '1', headers)).status
      if (last === status) return
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    assert.equal(last, status)
  }
  await until(200)
  const created = millrace('token', 'create', 'ci', '--scope', 'ingest,read', '--store', store)
  assert.equal(created.status, 0, created.stderr)
  const secret = created.stdout.trim().split('\n').at(-1)!
  await until(401)
  const bearer = { authorization: `Bearer ${secret}` }
  await until(200, bearer)
  assert.equal((await post(`${gateway.url}/?token=${secret}`, '1')).status, 200)
  assert.equal((await ask(`${gateway.url}/v1/streams?token=${secret}`)).status, 403)
  assert.equal((await ask(`${gateway.url}/v1/streams`, { headers: { 'x-api-key': secret } })).status, 200)
  assert.equal((await ask(`${gateway.url}/v1/dead-letters`, { headers: bearer })).status, 403)
  for (const path of ['/healthz', '/readyz']) assert.equal((await ask(gateway.url + path)).status, 200)
  assert.equal((await ask(`${gateway.url}/metrics`)).status, 401)
  assert.equal(await refused(gateway.url, 'millrace.v1'), 401)
  const socket = connect(`${gateway.url}/?token=${secret}&stream=ws`, 'millrace.v1')
  await socket.message(text => text.includes('open'))
  const all = (await ask(`${gateway.url}/v1/streams`, { headers: bearer })).body
  assert.ok(!all.includes(secret), 'the token is not stored with the headers')
  assert.ok(
    !readFileSync(`${dir.path}/a.db-wal`).includes(secret) && !readFileSync(`${dir.path}/a.db`).includes(secret),
  )
  assert.equal(millrace('token', 'revoke', 'ci', '--store', store).status, 0)
  await until(200)
  socket.ws.send('1')
  assert.equal((await socket.closed).code, 1008, 'an open socket of a revoked token ends')
  assert.ok(!gateway.log().includes(secret))
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

test('tenants see only their own streams, and SQL only the default one', async () => {
  const dir = tempDir()
  const store = `sqlite:${dir.path}/a.db`
  const gateway = await startGateway(['--store', store, '--port', '0', '--log-level', 'error'])
  const token = (name: string, ...args: string[]) => ({
    authorization: `Bearer ${millrace(
      'token',
      'create',
      name,
      '--scope',
      'ingest,read,admin',
      '--store',
      store,
      ...args,
    )
      .stdout.trim()
      .split('\n')
      .at(-1)}`,
  })
  const blue = token('blue', '--tenant', 'blue')
  const red = token('red', '--tenant', 'red')
  const operator = token('operator')
  await new Promise(resolve => setTimeout(resolve, 1000))
  await post(`${gateway.url}/v1/events?stream=same`, '"blue"', blue)
  await post(`${gateway.url}/v1/events?stream=same`, '"red"', red)
  assert.equal((await ask(`${gateway.url}/v1/streams/same/events`, { headers: red })).body, '"red"\n')
  const sql = JSON.stringify({ sql: 'select count(*) from events' })
  assert.equal(
    (await post(`${gateway.url}/v1/query`, sql, { ...blue, 'content-type': 'application/json' })).status,
    403,
  )
  assert.deepEqual(
    (await post(`${gateway.url}/v1/query`, sql, { ...operator, 'content-type': 'application/json' })).json().rows,
    [[2]],
  )
  assert.equal((await ask(`${gateway.url}/v1/streams/same`, { method: 'DELETE', headers: blue })).status, 200)
  assert.equal((await ask(`${gateway.url}/v1/streams/same`, { headers: red })).status, 200)
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

test('a token over its limit gets 429 with Retry-After', async () => {
  const dir = tempDir()
  const store = `sqlite:${dir.path}/a.db`
  const gateway = await startGateway(['--store', store, '--port', '0', '--log-level', 'error'])
  const made = millrace('token', 'create', 'slow', '--scope', 'ingest', '--events-per-second', '10', '--store', store)
  const bearer = { authorization: `Bearer ${made.stdout.trim().split('\n').at(-1)}` }
  await new Promise(resolve => setTimeout(resolve, 1000))
  assert.equal((await post(gateway.url, '1\n'.repeat(100), bearer)).status, 200)
  const refusal = await post(gateway.url, '1', bearer)
  assert.deepEqual([refusal.status, refusal.json().error], [429, 'rate_limited'])
  assert.ok(Number(refusal.headers['retry-after']) >= 1)
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

/** A tail, a socket and a POST whose sender rests, all of which have begun. */
async function openAll(url: string, stream: string, headers: Record<string, string>) {
  const told = (call: ClientRequest) =>
    new Promise<string>((resolve, reject) => {
      call.on('error', reject)
      call.on('response', response => {
        let text = ''
        response.on('data', data => {
          text += data
        })
        response.on('close', () => resolve(text))
      })
    })
  const socket = connect(`${url}/?stream=${stream}-socket`, 'millrace.v1', headers)
  await socket.message(text => text.includes('open'))
  const follower = plainRequest(`${url}/v1/tail`, { headers })
  const tail = told(follower)
  follower.end()
  await once(follower, 'response')
  const sender = plainRequest(`${url}/v1/events?stream=${stream}-post`, { method: 'POST', headers })
  const long = told(sender)
  sender.write('1\n')
  const count = async () => (await ask(`${url}/v1/streams/${stream}-post`, { method: 'HEAD', headers })).status
  while ((await count()) !== 200) await new Promise(resolve => setTimeout(resolve, 20))
  return async (why: RegExp) => {
    const { code, reason } = await socket.closed
    assert.deepEqual([code, why.test(reason)], [1008, true], reason)
    assert.match(await tail, /event: error\ndata: \{"code":"unauthorized"/)
    assert.match(await tail, why)
    const { error, message, count, accepted } = JSON.parse(await long) as Record<string, unknown>
    assert.deepEqual([error, count, accepted], ['unauthorized', 1, 1])
    assert.match(String(message), why)
  }
}

test('what was opened before the first token, or with a token that is revoked, ends though it rests', async () => {
  const dir = tempDir()
  const store = `sqlite:${dir.path}/a.db`
  const gateway = await startGateway(['--store', store, '--port', '0', '--log-level', 'error'])
  const before = await openAll(gateway.url, 'before', {})
  const made = millrace('token', 'create', 'all', '--scope', 'ingest,read', '--store', store)
  await before(/this gateway needs a token/)
  const bearer = { authorization: `Bearer ${made.stdout.trim().split('\n').at(-1)}` }
  const during = await openAll(gateway.url, 'during', bearer)
  assert.equal(millrace('token', 'revoke', 'all', '--store', store).status, 0)
  await during(/the token all was revoked/)
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

test('a socket of a token over its limit is told what is stored, and does not delay the stop', async () => {
  const dir = tempDir()
  const store = `sqlite:${dir.path}/a.db`
  const gateway = await startGateway(['--store', store, '--port', '0', '--log-level', 'error'])
  const made = millrace('token', 'create', 'slow', '--scope', 'ingest', '--events-per-second', '1', '--store', store)
  const bearer = { authorization: `Bearer ${made.stdout.trim().split('\n').at(-1)}` }
  while ((await post(gateway.url, '')).status !== 401) await new Promise(resolve => setTimeout(resolve, 20))
  const socket = connect(`${gateway.url}/?stream=slow`, 'millrace.v1', bearer)
  await socket.message(text => text.includes('open'))
  socket.ws.send('1\n'.repeat(100_000))
  await socket.message(text => text.includes('"count":100000'))
  const exit = gateway.end()
  assert.equal((await socket.closed).code, 1001)
  assert.equal(await exit, 0)
  assert.ok(!gateway.log().includes('grace period'), gateway.log())
  dir.remove()
})

test('CORS lets the named origin send and nobody else', async () => {
  const dir = tempDir()
  const origin = 'https://app.example'
  const gateway = await startGateway([
    '--store',
    `sqlite:${dir.path}/a.db`,
    '--port',
    '0',
    '--log-level',
    'error',
    '--cors',
    origin,
  ])
  const preflight = await ask(`${gateway.url}/v1/events`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST' },
  })
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [204, origin])
  const sent = await post(`${gateway.url}/v1/events`, '1', { origin, 'content-type': 'text/plain' })
  assert.deepEqual([sent.status, sent.headers['access-control-allow-origin']], [200, origin])
  assert.equal(
    (await ask(`${gateway.url}/v1/streams`, { headers: { origin } })).headers['access-control-allow-origin'],
    origin,
  )
  assert.equal(
    (await ask(`${gateway.url}/v1/events`, { method: 'OPTIONS', headers: { origin: 'https://evil.example' } })).status,
    403,
  )
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

test('TLS and mTLS by flags', async () => {
  const dir = tempDir()
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir.path, stdio: 'pipe' })
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=ca',
    '-days',
    '2',
  )
  for (const name of ['server', 'client']) {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      '/CN=localhost',
    )
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.pem`,
      '-days',
      '2',
    )
  }
  const file = (name: string) => `${dir.path}/${name}`
  const flags = [
    '--store',
    `sqlite:${file('a.db')}`,
    '--port',
    '0',
    '--log-level',
    'error',
    '--tls-cert',
    file('server.pem'),
    '--tls-key',
    file('server.key'),
  ]
  const gateway = await startGateway([...flags, '--tls-client-ca', file('ca.pem')])
  assert.match(gateway.url, /^https:/)
  const ca = readFileSync(file('ca.pem'))
  const send = (more: object) =>
    new Promise<number>((resolve, reject) => {
      const call = request(gateway.url.replace('127.0.0.1', 'localhost'), { method: 'POST', ca, ...more }, response =>
        resolve(response.resume().statusCode!),
      )
      call.on('error', reject)
      call.end('1')
    })
  assert.equal(await send({ cert: readFileSync(file('client.pem')), key: readFileSync(file('client.key')) }), 200)
  await assert.rejects(send({}))
  assert.equal(await gateway.end(), 0)
  await assert.rejects(startGateway([...flags.slice(0, -1), file('missing.key')]), /TLS private key .*missing\.key/)
  dir.remove()
})
