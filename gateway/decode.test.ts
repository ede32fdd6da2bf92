import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryParam, utf8OfLatin1 } from './decode.ts'

const wire = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

for (const [search, name, value] of [
  ['stream=a', 'stream', 'a'],
  ['a=1&stream=b&stream=c', 'stream', 'b'],
  ['streams=a&xstream=b', 'stream', undefined],
  ['stream', 'stream', ''],
  ['stream&a=b', 'stream', ''],
  ['&&stream=a=b', 'stream', 'a=b'],
  ['s%74ream=a', 'stream', 'a'],
  ['stream=a+b%2Bc%20d', 'stream', 'a b+c d'],
  ['stream=%C3%A4%e2%82%ac', 'stream', 'ä€'],
  [`stream=${wire('ä')}%C3%A4`, 'stream', 'ää'],
  ['', 'stream', undefined],
] as const)
  test(`${name} of ?${search} is ${JSON.stringify(value)}`, () => {
    assert.equal(queryParam(search, name), value)
  })

for (const value of ['%zz', '%', '%4', '%ff', '%C3', '%C3%28', '%ED%A0%80', '\u00e4'])
  test(`the value ${value} is a bad request that names its parameter, and nobody else's`, () => {
    assert.throws(() => queryParam(`a=1&stream=${value}`, 'stream'), {
      code: 'bad_request',
      message: /parameter stream /,
    })
    assert.equal(queryParam(`stream=${value}&a=1`, 'a'), '1')
  })

test('bytes of a header are text where they are UTF-8', () => {
  assert.equal(utf8OfLatin1('plain'), 'plain')
  assert.equal(utf8OfLatin1(wire('größe €')), 'größe €')
  assert.equal(utf8OfLatin1('gr\u00f6\u00dfe'), undefined)
})
