import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '../harness/command.suite.ts'
import { gatewayOfFile } from '../harness/gateway.suite.ts'

const gateway = gatewayOfFile()

const token = (...args: string[]) => run(['token', ...args, '--store', gateway.store])

/** The gateway sees a token within a second of its change; asked until it answers so. */
async function answers(status: number, secret?: string): Promise<void> {
  const headers: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
  for (;;) {
    const answer = await fetch(`${gateway.url}/v1/streams`, { headers })
    if (answer.status === status) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

test('a token is printed once, opens what it is for, and is closed when it is revoked', async () => {
  await answers(200)
  const created = await token('create', 'reader', '--scope', 'read,ingest', '--events-per-second', '100')
  assert.equal(created.code, 0, created.stderr)
  const secret = created.stdout.trim()
  assert.match(secret, /^mr_[\w-]{43}$/)
  assert.match(created.stderr, /opens read, ingest; keep the secret/)
  await answers(401)
  await answers(200, secret)

  const sent = await run(['send', '--url', gateway.url, '--token', secret, '--stream', 'a'], { input: '1\n2\n' })
  assert.equal(sent.code, 0, sent.stderr)
  const asVariable = await run(['streams', 'a', '--json', '--url', gateway.url], { env: { MILLRACE_TOKEN: secret } })
  assert.equal(JSON.parse(asVariable.stdout).count, 2)
  const refused = await run(['send', '--url', gateway.url, '--stream', 'a'], { input: '1\n2\n3\n' })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /\(unauthorized\)/)

  const listed = JSON.parse((await token('list', '--json')).stdout)
  assert.deepEqual([listed.name, listed.scopes, listed.events_per_second], ['reader', ['read', 'ingest'], 100])
  assert.equal(JSON.stringify(listed).includes(secret), false)
  assert.equal('hash' in listed, false)

  assert.equal((await token('revoke', 'reader')).code, 0)
  await answers(200)
})

test('a token that may only send is enough to send and to resume', async () => {
  const secret = (await token('create', 'sender', '--scope', 'ingest')).stdout.trim()
  await answers(403, secret)
  for (const input of ['1\n2\n', '1\n2\n3\n']) {
    const { code, stderr } = await run(['send', '--url', gateway.url, '--token', secret, '--stream', 'b'], { input })
    assert.equal(code, 0, stderr)
  }
  assert.equal((await token('revoke', 'sender')).code, 0)
  await answers(200)
})

test('a sender over the limit of its token waits and loses nothing', async () => {
  const secret = (await token('create', 'slow', '--scope', 'ingest,read', '--events-per-second', '1')).stdout.trim()
  await answers(401)
  const input = '1\n'.repeat(8)
  const args = [
    'send',
    '--url',
    gateway.url,
    '--token',
    secret,
    '--stream',
    'slow',
    '--batch-bytes',
    '8',
    '--gzip',
    '--json',
  ]
  const { code, stdout, stderr } = await run(args, { input })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\(rate_limited\); trying again/)
  const { count, accepted } = JSON.parse(stdout)
  assert.deepEqual([count, accepted], [8, 8])
  assert.equal((await token('revoke', 'slow')).code, 0)
  await answers(200)
})

test('a name is taken once, a scope must be known, and what is not there cannot be revoked', async () => {
  assert.equal((await token('create', 'twice', '--scope', 'read', '--json')).code, 0)
  assert.equal((await token('create', 'twice', '--scope', 'read')).code, 1)
  assert.equal((await token('create', 'x')).code, 2)
  assert.match((await token('create', 'x', '--scope', 'write')).stderr, /'write' is none of ingest, read, admin/)
  assert.equal((await token('revoke', 'twice')).code, 0)
  assert.deepEqual(await token('revoke', 'twice'), {
    code: 1,
    stdout: '',
    stderr: 'millrace: there is no living token twice\n',
  })
})

test('tokens are listed as a table, revoked ones too', async () => {
  await token('create', 'listed', '--scope', 'admin', '--tenant', 'shop')
  await token('revoke', 'listed')
  const { code, stdout } = await token('list')
  assert.equal(code, 0)
  assert.match(stdout, /^id +name +scopes +tenant +events\/s +bytes\/s +created +revoked\n/)
  assert.match(stdout, /^ *\d+ +listed +admin +shop( +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d){2}$/m)
})

test('a name that could be an id is refused', async () => {
  for (const name of ['7', '', 'a\nb']) assert.equal((await token('create', name, '--scope', 'read')).code, 2)
})

test('a memory: store has no room for a token of another process', async () => {
  const { code, stderr } = await run(['token', 'list', '--store', 'memory:'])
  assert.equal(code, 1)
  assert.match(stderr, /memory: store lives inside its gateway/)
})
