import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { manage, service } from '../../../test/support/servers.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { open, valuesOf } from './harness.suite.ts'
import { type Server, type SslMode, serverOfUrl } from './keys.ts'
import { literal } from './names.ts'

const own = service('postgres', 'tls')
const skip = own.skip || noOpenssl()
after(() => own.skip === false && manage('clean', 'postgres@tls'))

function noOpenssl(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'there is no openssl to make a certificate with'
  }
}

const plain = skip === false ? { ...serverOfUrl(own.at.POSTGRES), sslmode: 'disable' as const } : ({} as Server)
const files = { own: '', other: '' }

/** A certificate of its own issuer for `localhost`; the server gets one, and is told to use it. */
before(async t => {
  if (skip !== false) return
  const folder = tempFolder(t as Parameters<typeof tempFolder>[0])
  for (const name of ['own', 'other'] as const) {
    files[name] = join(folder, `${name}.crt`)
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2', '-nodes']
    const key = [
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-keyout',
      join(folder, `${name}.key`),
    ]
    execFileSync('openssl', ['req', ...key, '-out', files[name], ...subject], { stdio: 'ignore' })
  }
  const session = await open(plain)
  for (const [name, file] of [
    ['server.crt', files.own],
    ['server.key', join(folder, 'own.key')],
  ] as const) {
    const bytes = readFileSync(file).toString('base64')
    // the server's files belong to another user
    const program = `base64 -d > ${name} && chmod 600 ${name}`
    await session.query(`COPY (SELECT ${literal(bytes)}) TO PROGRAM ${literal(program)}`)
  }
  await session.query(`ALTER SYSTEM SET ssl = on`)
  await session.query('SELECT pg_reload_conf()')
  await session.close()
})

/** Whether a new connection is encrypted; the message where there is none. */
async function encrypted(sslmode: SslMode, more: Partial<Server> = {}): Promise<boolean | string> {
  const session = await open({ ...plain, host: 'localhost', sslmode, ...more }).catch((error: Error) => error)
  if (session instanceof Error) return session.message
  const [ssl] = await valuesOf(session, 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
  await session.close()
  return ssl as boolean
}

test('each mode encrypts and checks as libpq does', { skip }, async () => {
  assert.deepEqual(
    await Promise.all((['disable', 'allow', 'prefer', 'require'] as const).map(mode => encrypted(mode))),
    [false, false, true, true],
  )
  const trusted = { sslrootcert: files.own }
  for (const mode of ['require', 'verify-ca', 'verify-full'] as const)
    assert.equal(await encrypted(mode, trusted), true)
  assert.equal(await encrypted('verify-ca', { ...trusted, host: '127.0.0.1' }), true)
  for (const [mode, more, said] of [
    ['verify-ca', {}, /self-signed certificate.* \(DEPTH_ZERO_SELF_SIGNED_CERT\): name its issuer by sslrootcert/],
    ['verify-full', {}, /self-signed certificate/],
    ['require', { sslrootcert: files.other }, /certificate/],
    ['verify-full', { ...trusted, host: '127.0.0.1' }, /ERR_TLS_CERT_ALTNAME_INVALID/],
    ['verify-ca', { sslrootcert: '/nowhere/ca.pem' }, /^sslrootcert: ENOENT.*\/nowhere\/ca\.pem/],
  ] as const)
    assert.match(String(await encrypted(mode, more)), said)
  assert.equal((await errorOf(open({ ...plain, host: 'localhost', sslmode: 'verify-ca' }))).code, 'refused')
})

test('a server that wants the other way gets it, where the mode lets it', { skip }, async t => {
  const session = await open(plain)
  const [file] = (await valuesOf(session, 'SHOW hba_file')) as [string]
  const before = readFileSync(file, 'utf8')
  const rules = async (text: string) => {
    writeFileSync(file, text)
    await session.query('SELECT pg_reload_conf()')
    // a connection made after this one has read them
    await session.query('SELECT pg_sleep(0.2)')
  }
  t.after(async () => {
    await rules(before)
    await session.close()
  })
  await rules('hostssl all all all scram-sha-256\n')
  assert.deepEqual(await Promise.all((['allow', 'prefer', 'require'] as const).map(mode => encrypted(mode))), [
    true,
    true,
    true,
  ])
  assert.match(
    String(await encrypted('disable')),
    /no pg_hba\.conf entry.*no encryption.*\(SQLSTATE 28000\): check user/,
  )
  await rules('hostnossl all all all scram-sha-256\n')
  assert.deepEqual(await Promise.all((['disable', 'allow', 'prefer'] as const).map(mode => encrypted(mode))), [
    false,
    false,
    false,
  ])
  assert.match(String(await encrypted('require')), /no pg_hba\.conf entry/)
})
