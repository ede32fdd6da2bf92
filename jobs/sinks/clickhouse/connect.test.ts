import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { contextFor } from '../../drivers/clickhouse/harness.suite.ts'
import { signedIn } from '../../drivers/clickhouse/sign-in.ts'
import { openServer } from './connect.ts'

/** The old server alone has users and passwords. */
const { skip, at } = service('clickhouse18')

/** `reader` may sign in, and no more. */
async function answer(userinfo: string, own: object = {}): Promise<string> {
  const { host } = new URL(at.CLICKHOUSE18)
  const server = { url: `http://${userinfo}@${host}`, user: 'default', password: '', database: 'default', ...own }
  const connection = openServer(contextFor(server))
  try {
    await connection.rows('SELECT 1 AS one')
    return 'welcome'
  } catch (error) {
    return (error as Error).message
  } finally {
    await connection.close()
  }
}

test('a URL may say user and password, and the client prints nothing about it', { skip }, async t => {
  const printed = (['warn', 'error', 'info', 'debug'] as const).map(method => t.mock.method(console, method))
  const isReader = /in readonly mode/
  assert.match(await answer('reader:reader'), isReader)
  assert.equal(await answer(':millrace'), 'welcome')
  assert.equal(await answer('default:millrace'), 'welcome')
  assert.match(await answer('reader', { password: 'reader' }), isReader)
  assert.match(await answer('default:millrace', { user: 'reader', password: 'reader' }), isReader)
  assert.match(await answer('some%20one:se%3Acret'), /Unknown user some one/)
  const refused = await answer('default:se%3Acret')
  assert.match(refused, /Wrong password for user default/)
  assert.doesNotMatch(refused, /se(%3A|:)cret/)
  assert.match(await answer('default:millrace', { user: 'reader' }), /Password required for user reader/)
  assert.deepEqual(
    printed.map(({ mock }) => mock.callCount()),
    [0, 0, 0, 0],
  )
})

test('user and password of the settings go before those of the URL', () => {
  const of = (userinfo: string, user = 'default', password = '') => {
    const signed = signedIn({ url: `https://${userinfo}@host:8443/path?a=b`, user, password, database: 'd' })
    assert.equal(signed.url, 'https://host:8443/path?a=b')
    return [signed.user, signed.password]
  }
  assert.deepEqual(of('alice:secret'), ['alice', 'secret'])
  assert.deepEqual(of('al%40ice:s%2Fe%25'), ['al@ice', 's/e%'])
  assert.deepEqual(of('alice:100%'), ['alice', '100%'])
  assert.deepEqual(of('alice'), ['alice', ''])
  assert.deepEqual(of(':secret', 'bob'), ['bob', 'secret'])
  assert.deepEqual(of('alice:secret', 'alice'), ['alice', 'secret'])
  assert.deepEqual(of('alice:secret', 'alice', 'own'), ['alice', 'own'])
  assert.deepEqual(of('alice:secret', 'default', 'own'), ['alice', 'own'])
  // a password is given to nobody else
  assert.deepEqual(of('alice:secret', 'bob'), ['bob', ''])
  const server = { url: 'http://host:8123', user: 'bob', password: 'own', database: 'd' }
  assert.equal(signedIn(server), server)
})
