import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskUrl } from '../../core/mask.ts'
import { mask } from './mask.ts'

test('the password of a URL is hidden, the rest stays', () => {
  const cases: [string, string][] = [
    ['postgres://app:s3cret@db:5432/events', 'postgres://app:***@db:5432/events'],
    ['postgres://app:p@ss@db/events?sslmode=require', 'postgres://app:***@db/events?sslmode=require'],
    ['postgres://app:p/a#s?s@db/events', 'postgres://app:***@db/events'],
    ['postgres://app:s3cret@db/events?user=a@b', 'postgres://app:***@db/events?user=a@b'],
    ['postgres://app@db/events?password=x&a=b', 'postgres://app@db/events?password=***&a=b'],
    ['kafka://broker:9092/events', 'kafka://broker:9092/events'],
    ['sqlite:./a:b@c.db', 'sqlite:./a:b@c.db'],
  ]
  for (const [url, shown] of cases) assert.equal(maskUrl(url), shown)
})

test('what is called a secret is hidden, a path to a key file is not', () => {
  assert.equal(mask('sink.token', 'abc'), '***')
  assert.equal(mask('sink.client_secret', 'abc'), '***')
  assert.equal(mask('postgres_sink.pass', 'abc'), '***')
  assert.equal(mask('s3.secret_access_key', 'abc'), '***')
  assert.equal(mask('gateway.tls.key', './server.key'), './server.key')
  assert.equal(mask('gateway.port', 4318), 4318)
  assert.deepEqual(mask('stores', ['postgres://a:b@c/d']), ['postgres://a:***@c/d'])
})
