import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { mustMakeOnce, mustRefuse } from './conditions.ts'
import { s3Failure } from './failures.ts'
import { ownBucket, ownPrefix } from './harness.suite.ts'
import { s3Keys } from './keys.ts'
import { openBucket } from './open.ts'
import { parseS3 } from './url.ts'

const { skip, bucket, settings } = await ownBucket()

test('wrong keys are refused with what to check, and are not in the message', { skip }, async () => {
  const secret = 'a-secret-that-is-wrong'
  const wrong: [object, RegExp][] = [
    [{ secret_access_key: secret }, /the secret key is not that of the access key: check s3\.secret_access_key/],
    [{ access_key_id: 'nobody' }, /the access key is not known there: check s3\.access_key_id/],
  ]
  for (const [keys, message] of wrong) {
    const other = await openBucket({ ...settings, ...keys }, bucket.name)
    for (const call of [() => other.names(''), () => other.write('a', Buffer.from('a'))]) {
      const error = await errorOf(call())
      assert.deepEqual([error.code, error.retryable], ['refused', false])
      assert.match(error.message, message)
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /a-secret-that-is-wrong|millrace-secret/)
    }
    // an answer without a body says less
    assert.equal((await errorOf(other.head('a'))).code, 'refused')
  }
})

test('a bucket that is not there is a mistake in the pipeline', { skip }, async () => {
  const none = await openBucket(settings, 'there-is-no-such-bucket')
  const error = await errorOf(none.names(''))
  assert.deepEqual([error.code, error.path], ['bad_pipeline', ['path']])
  assert.match(error.message, /^list s3:\/\/there-is-no-such-bucket\/: there is no such bucket: make it/)
})

test('a server that cannot be reached is unavailable', { skip }, async () => {
  const away = await openBucket({ ...settings, endpoint: 'http://127.0.0.1:1' }, bucket.name)
  const error = await errorOf(away.read('a'))
  assert.deepEqual([error.code, error.retryable], ['unavailable', true])
  assert.match(error.message, /the server cannot be reached \(connect ECONNREFUSED 127\.0\.0\.1:1\)/)
})

test('keys are found in the environment, and a machine without any is told where to put them', () => {
  const script = `
    const { openBucket } = await import(${JSON.stringify(fileURLToPath(new URL('open.ts', import.meta.url)))})
    const bucket = await openBucket({ endpoint: 'http://127.0.0.1:1' }, 'bucket')
    await bucket.read('a').catch(error => console.log(error.code + ': ' + error.message))`
  const run = (env: Record<string, string>) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH!, HOME: '/nowhere', AWS_EC2_METADATA_DISABLED: 'true', ...env },
    })
  assert.match(run({}), /^refused: read s3:\/\/bucket\/a: no keys are found: set s3\.access_key_id/)
  assert.match(run({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }), /^unavailable: /)
})

test('what servers say of regions, clocks, rights and load has a way out', () => {
  const failure = (name: string, status: number, more: object = {}) =>
    s3Failure(
      Object.assign(new Error(`${name} it says`), { name, $metadata: { httpStatusCode: status }, ...more }),
      'x',
    )
  const expected: [ReturnType<typeof failure>, string, RegExp][] = [
    [failure('PermanentRedirect', 301), 'bad_pipeline', /another region: set s3\.region, or AWS_REGION/],
    [failure('AuthorizationHeaderMalformed', 400, { Region: 'eu-1' }), 'bad_pipeline', /set s3\.region to eu-1/],
    [
      failure('Unknown', 301, { $response: { headers: { 'x-amz-bucket-region': 'eu-2' } } }),
      'bad_pipeline',
      /set s3\.region to eu-2/,
    ],
    [failure('RequestTimeTooSkewed', 403), 'refused', /the clock of this machine differs too much/],
    [failure('AccessDenied', 403), 'refused', /access is denied/],
    [failure('Unknown', 403), 'refused', /access is denied/],
    [failure('ExpiredToken', 400), 'refused', /the temporary keys have expired/],
    [failure('SlowDown', 503), 'unavailable', /the server fails/],
    [failure('InternalError', 500), 'unavailable', /the server fails/],
    [failure('TooManyRequests', 429), 'unavailable', /the server fails/],
    [failure('ConditionalRequestConflict', 409), 'unavailable', /the server fails/],
    [failure('XMinioStorageFull', 507), 'full', /are full/],
    [failure('NotImplemented', 501), 'bad_pipeline', /does not know this part of S3/],
    [failure('EntityTooLarge', 400), 'internal', /EntityTooLarge it says/],
  ]
  for (const [error, code, message] of expected) {
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
  }
})

test('a server with conditional writes is known by that, and by nothing that stays', { skip }, async () => {
  const { key } = parseS3(ownPrefix(bucket))
  await mustRefuse(bucket, key)
  assert.equal(await bucket.head(key), undefined)
  await mustMakeOnce(bucket, key)
  await mustMakeOnce(bucket, key)
})

test('a server that takes what it should not is refused with the way out', { skip }, async () => {
  // the part of a server that leaves conditions out
  const careless = { ...bucket, write: (key: string, body: Uint8Array) => bucket.write(key, body) }
  const { key } = parseS3(ownPrefix(bucket))
  for (const ask of [mustRefuse, mustMakeOnce]) {
    const error = await errorOf(ask(careless, key))
    assert.deepEqual([error.code, error.path], ['bad_pipeline', ['path']])
    assert.match(error.message, /If-None-Match.*use one that has conditional writes, such as AWS, R2 or MinIO/)
  }
})

test('one key without the other is refused', () => {
  assert.match(
    s3Keys.safeParse({ access_key_id: 'a' }).error!.issues[0]!.message,
    /access_key_id and secret_access_key go together/,
  )
  assert.ok(s3Keys.safeParse({}).success)
  assert.ok(!s3Keys.safeParse({ endpoint: 'ftp://x' }).success)
})

test('a URL names a bucket and a key', () => {
  assert.deepEqual(parseS3('s3://my-bucket/a/b*.csv'), { bucket: 'my-bucket', key: 'a/b*.csv' })
  assert.deepEqual(parseS3('s3://my-bucket'), { bucket: 'my-bucket', key: '' })
  for (const url of ['s3://', 's3:///a', 's3://ab/x', 's3://-no/x', 's3:/bucket/x', `s3://${'x'.repeat(64)}/`])
    assert.throws(() => parseS3(url), { code: 'bad_pipeline', path: ['path'] }, url)
})
