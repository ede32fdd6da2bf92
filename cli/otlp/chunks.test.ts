import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Chunk, isNdjson, linesOf, ndjsonChunks, readWhole } from './chunks.ts'
import { logs, pieces, spans } from './otlp.suite.ts'

const line = JSON.stringify
const shown = ({ signal, line, body }: Chunk) => [signal, line, Buffer.from(body).toString()]

test('lines have their ends, wherever the content is cut', async () => {
  const text = 'a\r\n\nbc\n\ndé'
  for (let size = 1; size <= text.length + 1; size++) {
    const found = await Array.fromAsync(linesOf(pieces(text, size)), bytes => Buffer.from(bytes).toString())
    assert.deepEqual(found, ['a\r\n', '\n', 'bc\n', '\n', 'dé'], `pieces of ${size}`)
  }
})

test('lines of one signal that follow each other are one chunk, which knows its first line', async () => {
  const [a, b, c] = [line(logs(['a'])), line(logs(['b'])), line(spans(['c']))]
  const text = `\n${a}\n \n${b}\noops\n${c}\n{}\n${a}`
  assert.deepEqual(await Array.fromAsync(ndjsonChunks(pieces(text, 50), undefined), shown), [
    ['logs', 2, `${a}\n \n${b}\noops\n`],
    ['traces', 6, `${c}\n{}\n`],
    ['logs', 8, a],
  ])
})

test('chunks end before they grow too long, and a longer line is one of its own', async () => {
  const [short, long] = [`${line(logs(['a']))}\n`, `${line(logs(['b'.repeat(500)]))}\n`]
  const chunks = ndjsonChunks(pieces(short + short + long + short, 64), undefined, 2 * short.length)
  assert.deepEqual(await Array.fromAsync(chunks, shown), [
    ['logs', 1, short + short],
    ['logs', 3, long],
    ['logs', 4, short],
  ])
})

test('lines that tell no signal belong to that of the line before, else to the one that is known', async () => {
  assert.deepEqual(await Array.fromAsync(ndjsonChunks(pieces('oops\n', 9), 'metrics'), shown), [
    ['metrics', 1, 'oops\n'],
  ])
  assert.deepEqual(await Array.fromAsync(ndjsonChunks(pieces('\n \r\n\n', 9), undefined)), [])
})

test('JSON is NDJSON where the first line is a value of its own', async () => {
  const is = (text: string) => isNdjson(pieces(text, 5))
  assert.ok(await is(`${line(logs(['a']))}\n${line(spans(['b']))}\n`))
  assert.ok(await is('\ufeff{}\n{}'))
  assert.ok(!(await is(line(logs(['a'])))))
  assert.ok(!(await is(JSON.stringify(logs(['a']), undefined, 1))))
  assert.ok(!(await is('')))
})

test('what has to be read as a whole is refused above its limit, with the way out', async () => {
  assert.equal((await readWhole(pieces('abcdef', 2), 6)).length, 6)
  await assert.rejects(
    readWhole(pieces('abcdefg', 2), 6),
    /more than 6 bytes, and is no NDJSON, .*: write several files/,
  )
})
