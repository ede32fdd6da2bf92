import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { type Cluster, connectCluster } from './cluster.ts'
import { makeTopic } from './harness.suite.ts'
import { clientOptions } from './options.ts'
import { kafkaSink } from './settings.ts'

/** Who may come in, by which way, and what is said to the others. */

const versions = { 4: service('kafka'), 3: service('kafka3') }

function open(t: TestContext, settings: Record<string, unknown>): Cluster {
  const ending = new AbortController()
  const cluster = connectCluster(kafkaSink.parse(settings), 'kafka_sink', { signal: ending.signal })
  t.after(async () => {
    await cluster.close()
    ending.abort()
  })
  return cluster
}

/** A token that nobody signed, which the test brokers take. */
function tokenOf(user: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: user, iat: now, exp: now + 3600 })}.`
}

for (const [version, { skip, at }] of Object.entries(versions)) {
  const [plain, sasl, ca] = Object.values(at) as [string, string, string]
  const secured = { brokers: sasl, security_protocol: 'SASL_SSL', ssl_ca_location: ca }
  const user = { sasl_username: 'millrace', sasl_password: 'secret' }

  for (const sasl_mechanism of ['PLAIN', 'SCRAM-SHA-256', 'scram_sha_512'])
    test(`Kafka ${version}: SASL_SSL with ${sasl_mechanism}`, { skip }, async t => {
      const topic = await makeTopic(t, plain)
      const cluster = open(t, { ...secured, ...user, sasl_mechanism })
      assert.equal((await cluster.topic(topic))?.leaders.length, 1)
      const wrong = open(t, { ...secured, ...user, sasl_password: 'guess', sasl_mechanism })
      const error = await errorOf(wrong.topic(topic))
      assert.equal(error.code, 'refused')
      assert.match(error.message, /the broker refuses/)
    })

  test(
    `Kafka ${version}: SASL_SSL with OAUTHBEARER, by a token or by an endpoint that gives one`,
    { skip },
    async t => {
      const topic = await makeTopic(t, plain)
      const given = open(t, { ...secured, sasl_mechanism: 'OAUTHBEARER', sasl_password: tokenOf('millrace') })
      assert.ok(await given.topic(topic))
      const asked: string[] = []
      const server = createServer((request, response) => {
        asked.push(`${request.method} ${request.headers.authorization}`)
        response.end(JSON.stringify({ access_token: tokenOf('millrace') }))
      })
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      t.after(() => server.close())
      const cluster = open(t, {
        ...secured,
        ...user,
        sasl_mechanism: 'OAUTHBEARER',
        sasl_oauthbearer_token_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
      })
      assert.ok(await cluster.topic(topic))
      assert.equal(asked[0], `POST Basic ${Buffer.from('millrace:secret').toString('base64')}`)
    },
  )

  test(`Kafka ${version}: a topic that is missing is none`, { skip }, async t => {
    assert.equal(await open(t, { brokers: plain }).topic('nobody-made-this'), undefined)
  })

  test(`Kafka ${version}: a wrong protocol or authority is told, and not tried again`, { skip }, async t => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ brokers: sasl }, /disagree about TLS|TLS fails/],
      [
        { ...secured, ...user, sasl_mechanism: 'PLAIN', ssl_ca_location: undefined },
        /TLS fails: .*check security_protocol and ssl_ca_location/,
      ],
    ]
    for (const [settings, why] of cases) {
      const error = await errorOf(open(t, settings).topic('x'))
      assert.match(error.message, why)
      assert.equal(error.code, 'refused', error.message)
    }
  })
}

test('a broker that is not there is tried again', async t => {
  const server = createTcp()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  const error = await errorOf(open(t, { brokers: `127.0.0.1:${port}` }).topic('x'))
  assert.equal(error.code, 'unavailable')
  assert.match(error.message, new RegExp(`^kafka 127.0.0.1:${port}: .*ECONNREFUSED`))
})

test('settings that lack something name the key', () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ brokers: 'localhost' }, 'kafka_sink.brokers: "localhost" is no HOST:PORT'],
    [{ brokers: ' , ' }, 'kafka_sink.brokers: "" is no HOST:PORT'],
    [{ security_protocol: 'sasl_ssl' }, 'kafka_sink.sasl_mechanism is not set, and sasl_ssl needs it'],
    [
      { security_protocol: 'sasl_plaintext', sasl_mechanism: 'plain' },
      'kafka_sink.sasl_username is not set, and sasl_plaintext needs it',
    ],
    [
      { security_protocol: 'sasl_ssl', sasl_mechanism: 'plain', sasl_username: 'x' },
      'kafka_sink.sasl_password is not set, and sasl_ssl needs it',
    ],
  ]
  for (const [settings, message] of cases)
    assert.throws(() => clientOptions(kafkaSink.parse(settings), 'kafka_sink'), { code: 'bad_pipeline', message })
  assert.throws(
    () => clientOptions(kafkaSink.parse({ security_protocol: 'ssl', ssl_ca_location: '/no/such' }), 'kafka_sink'),
    {
      message: /^kafka_sink\.ssl_ca_location: \/no\/such cannot be read/,
    },
  )
})
