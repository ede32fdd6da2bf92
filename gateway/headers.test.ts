import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headersToJson, pairsOf } from './headers.ts'

test('headers are kept in order, in lower case, repeated ones as arrays', () => {
  const raw = ['Host', 'a', 'X-One', '1', 'x-one', '2', 'X-ONE', '3', 'Accept', '*/*']
  assert.equal(headersToJson(pairsOf(raw)), '{"host":"a","x-one":["1","2","3"],"accept":"*/*"}')
})

test('names that may hold a secret are redacted, sec-websocket-key is not', () => {
  const names = [
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
    'X-Api-Key',
    'X-Auth',
    'My-Session',
    'A-Token',
    'Client-Secret',
  ]
  const json = JSON.parse(
    headersToJson([...names.map(name => [name, 'hunter2'] as const), ['Sec-WebSocket-Key', 'nonce'] as const]),
  ) as Record<string, string>
  for (const name of names) assert.equal(json[name.toLowerCase()], '[redacted]')
  assert.equal(json['sec-websocket-key'], 'nonce')
})

test('a token in a URL is redacted in whatever header it comes', () => {
  assert.equal(
    headersToJson([['Referer', 'https://a/?x=1&token=hunter2&y=2']]),
    '{"referer":"https://a/?x=1&token=[redacted]&y=2"}',
  )
})

test('values are text where their bytes are UTF-8, and Latin-1 where they are not', () => {
  const utf8 = Buffer.from('größe €', 'utf8').toString('latin1')
  assert.equal(
    headersToJson([
      ['X-Name', utf8],
      ['X-Old', 'gr\u00f6\u00dfe'],
    ]),
    '{"x-name":"größe €","x-old":"größe"}',
  )
})

test('hostile names are only names', () => {
  assert.equal(
    headersToJson([
      ['__proto__', 'x'],
      ['constructor', '"\\'],
    ]),
    '{"__proto__":"x","constructor":"\\"\\\\"}',
  )
})
