import assert from 'node:assert/strict'
import { test } from 'node:test'
import { context } from '../../runtime/errors.ts'
import { exceptionIn, exceptionOf } from './failures.ts'

/** As servers of several years write them. */
const written: readonly (readonly [text: string, code: number, kind: string, message: string])[] = [
  [
    'Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE) (version 25.3.2.39 (official build))\n',
    60,
    'refused',
    'Table a.b does not exist (code 60, UNKNOWN_TABLE)',
  ],
  [
    'Code: 62, e.displayText() = DB::Exception: Syntax error: failed at position 1: selec\n. Expected one of: SELECT, e.what() = DB::Exception\n',
    62,
    'refused',
    'Syntax error: failed at position 1: selec\n. Expected one of: SELECT (code 62)',
  ],
  [
    '{"a":1}\n__exception__\r\nabcdef\r\nCode: 241. DB::Exception: Query memory limit exceeded: would use 1.00 GiB. (MEMORY_LIMIT_EXCEEDED) (version 26.7.2.1)\n',
    241,
    'unavailable',
    'Query memory limit exceeded: would use 1.00 GiB (code 241, MEMORY_LIMIT_EXCEEDED)',
  ],
  [
    'Code: 57. DB::Exception: There was an error on [h:9000]: Code: 159. DB::Exception: Timeout exceeded: elapsed 1 s: While executing Numbers. (TIMEOUT_EXCEEDED) (version 26.7.2.1). (TABLE_ALREADY_EXISTS) (version 26.7.2.1)',
    57,
    'refused',
    'Timeout exceeded: elapsed 1 s (code 57, TABLE_ALREADY_EXISTS)',
  ],
  [
    'Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100). (TOO_MANY_PARTS)',
    252,
    'refused',
    'Too many partitions for single INSERT block (more than 100) (code 252, TOO_MANY_PARTS): partition the table more coarsely, or raise max_partitions_per_insert_block for the user',
  ],
  [
    'Code: 252. DB::Exception: Too many parts (300). Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)',
    252,
    'unavailable',
    'Too many parts (300). Merges are processing significantly slower than inserts (code 252, TOO_MANY_PARTS)',
  ],
]

test('exceptions are found wherever they are, and are told in short', () => {
  for (const [text, exception, code, message] of written) {
    const found = exceptionIn(text)!
    assert.deepEqual([found.exception, found.code, found.message], [exception, code, message])
  }
})

test('text without an exception has none', () => {
  for (const text of ['', 'Code: 60', '{"message":"DB::Exception: no"}', 'x'.repeat(100_000)])
    assert.equal(exceptionIn(text), undefined)
})

test('a code is known through what wraps it', () => {
  const wrapped = context('insert', context('clickhouse', exceptionIn(written[0]![0])))
  assert.equal(exceptionOf(wrapped), 60)
  assert.equal(exceptionOf(new Error('other')), undefined)
})
