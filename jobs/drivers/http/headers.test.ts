import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingsSchema } from '../../settings.ts'
import { requestHeaders } from './headers.ts'

const settings = settingsSchema.parse({
  http_secret_header: { crm: 'X-Api-Key', broken: 'X-Key' },
  http_secret_value: { crm: 's3cret', broken: 's3\ncret' },
})

test('requests are JSON unless the configuration says otherwise, in whatever case', () => {
  assert.equal(requestHeaders({ headers: {} }, settings)['content-type'], 'application/json')
  const headers = requestHeaders({ headers: { 'Content-TYPE': 'text/x', 'X-A': 'b' } }, settings)
  assert.deepEqual([headers['content-type'], headers['x-a']], ['text/x', 'b'])
})

test('a secret becomes a header, and its name may be written in capitals', () => {
  for (const secret_name of ['crm', 'CRM'])
    assert.equal(requestHeaders({ headers: {}, secret_name }, settings)['x-api-key'], 's3cret')
})

test('a secret that the settings do not have is an error that names the setting and the variable', () => {
  assert.throws(() => requestHeaders({ headers: {}, secret_name: 'erp' }, settings), {
    code: 'bad_pipeline',
    path: ['secret_name'],
    message: 'the settings have no http_secret_header.erp: set it, or MILLRACE__HTTP_SECRET_HEADER__ERP',
  })
  assert.throws(() => requestHeaders({ headers: {}, secret_name: 'constructor' }, settings), { code: 'bad_pipeline' })
})

test('a value that HTTP cannot carry is an error without the value', () => {
  assert.throws(
    () => requestHeaders({ headers: {}, secret_name: 'broken' }, settings),
    (error: Error) => /header 'X-Key'/.test(error.message) && !error.message.includes('s3'),
  )
  const bad: Record<string, string>[] = [
    { 'x y': '1' },
    { x: 'a\r\nb: c' },
    { 'Content-Length': '3' },
    { 'transfer-encoding': 'chunked' },
  ]
  for (const headers of bad)
    assert.throws(() => requestHeaders({ headers }, settings), {
      code: 'bad_pipeline',
      path: ['headers', Object.keys(headers)[0]],
    })
})

test('a header that the node sets itself cannot be configured', () => {
  assert.throws(() => requestHeaders({ headers: { 'Idempotency-Key': '1' } }, settings, ['idempotency-key']), {
    message: /'Idempotency-Key' is set by the node itself/,
  })
})
