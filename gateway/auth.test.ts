import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createAuth } from './auth.ts'
import type { TokenRow } from './store/store.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest()
const token = (name: string, secret: string, more: Partial<TokenRow> = {}): TokenRow => ({
  token_id: 1,
  name,
  hash: sha256(secret).toString('hex'),
  scopes: ['ingest'],
  tenant: '',
  events_per_second: null,
  bytes_per_second: null,
  created_at: 0,
  revoked_at: null,
  ...more,
})
const asker = (headers: Record<string, string>, queryToken?: string) => ({
  header: (name: string) => headers[name],
  headerNames: () => Object.keys(headers),
  queryToken,
})
const local = { host: '127.0.0.1:4318' }
const open = (more: Partial<Parameters<typeof createAuth>[0]> = {}) =>
  createAuth({ cors: ['https://app.example'], noAuth: false, loopback: true, sha256, ...more })

test('without tokens a loopback gateway serves its own machine and ignores presented tokens', () => {
  const auth = open()
  for (const host of ['127.0.0.1:4318', 'localhost', 'LOCALHOST:80', '[::1]:4318', 'dev.localhost:1', '127.8.8.8'])
    assert.equal(auth.authorize(asker({ host, authorization: 'Bearer whatever' }), 'admin').tenant, '')
})

for (const [what, headers] of Object.entries({
  'a foreign Host (DNS rebinding)': { host: 'evil.example' },
  'a Host that only begins like loopback': { host: '127.0.0.1.evil.example' },
  'no Host': {},
  'a foreign Origin': { ...local, origin: 'https://evil.example' },
  'an opaque Origin': { ...local, origin: 'null' },
  'a Forwarded header': { ...local, forwarded: 'for=1.2.3.4' },
  'an X-Forwarded-For header': { ...local, 'x-forwarded-for': '1.2.3.4' },
  'any other X-Forwarded header': { ...local, 'x-forwarded-tls-client-cert': '' },
}))
  test(`without tokens a request with ${what} is forbidden`, () => {
    assert.throws(() => open().authorize(asker(headers as Record<string, string>), 'ingest'), { code: 'forbidden' })
  })

test('an origin of --cors may send', () => {
  const auth = open()
  auth.authorize(asker({ ...local, origin: 'https://app.example' }), 'ingest')
  assert.equal(auth.allowedOrigin('https://app.example'), 'https://app.example')
  assert.equal(auth.allowedOrigin('https://evil.example'), undefined)
})

test('the origin of the gateway itself may send, another port may not', () => {
  open().authorize(asker({ ...local, origin: 'http://127.0.0.1:4318' }), 'ingest')
  assert.throws(() => open().authorize(asker({ ...local, origin: 'http://127.0.0.1:8080' }), 'ingest'), {
    code: 'forbidden',
  })
  assert.throws(() => open().authorize(asker({ host: 'evil.example', origin: 'http://evil.example' }), 'ingest'), {
    code: 'forbidden',
  })
})

test('--no-auth opens other hosts, but not to web pages', () => {
  const auth = open({ noAuth: true, loopback: false })
  auth.authorize(asker({ host: 'gateway.lan', 'x-forwarded-for': '1.2.3.4' }), 'ingest')
  assert.throws(() => auth.authorize(asker({ host: 'gateway.lan', origin: 'https://evil.example' }), 'ingest'), {
    code: 'forbidden',
  })
})

test('once a token exists it is needed everywhere, and gives its scopes and its tenant', () => {
  const auth = open()
  auth.setTokens([token('ci', 'a-secret-of-enough-length', { tenant: 'blue' })])
  assert.throws(() => auth.authorize(asker(local), 'ingest'), { code: 'unauthorized' })
  assert.throws(() => auth.authorize(asker({ ...local, authorization: 'Bearer wrong' }), 'ingest'), {
    code: 'unauthorized',
  })
  const asked = { host: 'anything.example', authorization: 'Bearer a-secret-of-enough-length' }
  assert.equal(auth.authorize(asker(asked), 'ingest').tenant, 'blue')
  assert.equal(auth.authorize(asker({ 'x-api-key': 'a-secret-of-enough-length' }), 'ingest').tenant, 'blue')
  assert.throws(() => auth.authorize(asker(asked), 'read'), { code: 'forbidden' })
})

test('a token in the URL opens only ingest', () => {
  const auth = open()
  auth.setTokens([token('page', 'a-secret-of-enough-length', { scopes: ['ingest', 'read'] })])
  auth.authorize(asker({}, 'a-secret-of-enough-length'), 'ingest')
  assert.throws(() => auth.authorize(asker({}, 'a-secret-of-enough-length'), 'read'), { code: 'forbidden' })
})

test('when the last token is revoked, a gateway that is not on loopback stays shut', () => {
  const auth = open({ loopback: false })
  assert.throws(() => auth.authorize(asker({ host: 'gateway.lan' }), 'ingest'), { code: 'unauthorized' })
})

test('a token over its limit waits, and a change of the tokens does not forgive it', () => {
  const auth = open()
  const rows = [token('slow', 'a-secret-of-enough-length', { events_per_second: 10 })]
  auth.setTokens(rows)
  const asked = asker({ 'x-api-key': 'a-secret-of-enough-length' })
  const identity = auth.authorize(asked, 'ingest')
  auth.checkRate(identity)
  identity.charge(100, 1)
  assert.throws(() => auth.checkRate(identity), { code: 'rate_limited', message: /over its limit/ })
  auth.setTokens([...rows, token('other', 'another-secret-of-enough', { token_id: 2 })])
  assert.throws(() => auth.checkRate(auth.authorize(asked, 'ingest')), { code: 'rate_limited' })
})

test('what a revoked token opened ends, and what others opened goes on', () => {
  const auth = open()
  const rows = [token('a', 'a-secret-of-enough-length'), token('b', 'b-secret-of-enough-length', { token_id: 2 })]
  auth.setTokens(rows)
  const [a, b] = ['a', 'b'].map(name =>
    auth.authorize(asker({ 'x-api-key': `${name}-secret-of-enough-length` }), 'ingest'),
  )
  const told: string[] = []
  a!.onEnd(why => told.push(why.message))
  a!.onEnd(() => told.push('never'))()
  b!.onEnd(() => told.push('never'))
  auth.setTokens([rows[1]!])
  assert.deepEqual([told, a!.ended?.code, b!.ended], [['the token a was revoked'], 'unauthorized', undefined])
  a!.onEnd(why => told.push(why.message))
  assert.equal(told.length, 2, 'who comes late is told too')
})

test('what was opened while no token was needed ends with the first token', () => {
  const auth = open()
  const before = auth.authorize(asker(local), 'ingest')
  const ends = () => before.ended?.code
  auth.setTokens([])
  assert.equal(ends(), undefined)
  auth.setTokens([token('first', 'a-secret-of-enough-length')])
  assert.equal(ends(), 'unauthorized')
  auth.setTokens([])
  assert.equal(auth.authorize(asker(local), 'ingest').ended, undefined)
})

test('a token of another database with the same id is another token', () => {
  const auth = open()
  auth.setTokens([token('old', 'a-secret-of-enough-length', { tenant: 'blue' })])
  const old = auth.authorize(asker({ 'x-api-key': 'a-secret-of-enough-length' }), 'ingest')
  auth.setTokens([token('new', 'another-secret-of-enough', { tenant: 'red' })])
  assert.equal(old.ended?.code, 'unauthorized')
  assert.equal(auth.authorize(asker({ 'x-api-key': 'another-secret-of-enough' }), 'ingest').tenant, 'red')
})
