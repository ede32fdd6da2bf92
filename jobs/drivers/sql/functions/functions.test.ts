import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Field, Int64, Schema, vectorFromArray } from 'apache-arrow'
import { batchOf } from '../../../runtime/batch/build.ts'
import { rowsOf } from '../../../runtime/batch/rows.ts'
import { compileExpressions } from '../compile.ts'
import { functionNames } from './install.ts'
import { createSizeLimit } from './sizes.ts'

const schema = new Schema([new Field('n', new Int64(), true)])
const one = batchOf(schema, [vectorFromArray([1n], new Int64()).data[0]!], 1)

async function resultsOf(expressions: readonly string[]): Promise<unknown[]> {
  const compiled = await compileExpressions(schema, expressions)
  try {
    const columns = await compiled.evaluate(one)
    return Object.values(rowsOf(batchOf(compiled.schema, columns, 1))[0]!)
  } finally {
    compiled.close()
  }
}

const hex = (text: string) => Buffer.from(text, 'hex').toString('base64')

/** SQL, and the JSON value that the model gives for it. */
const expected: readonly (readonly [sql: string, value: unknown])[] = [
  ['7 / 2', 3],
  ['iszero(0)', true],
  ["nanvl('nan'::double, 2.0)", 2],
  ['nvl(null, 1)', 1],
  ['nvl2(1, 2, 3)', 2],
  ['signum(-2.5)', -1],
  ["btrim('  a ')", 'a'],
  ["btrim('xax', 'x')", 'a'],
  ["charLength('añ')", 2],
  ["uppercase(lowercase('AbC'))", 'ABC'],
  ["startswith('abc', 'a') and endswith('abc', 'c')", true],
  ["lpad('a', 3) || rpad('b', 3, '-')", '  ab--'],
  ["find_in_set('b', 'a,b,c')", 2],
  ["find_in_set('x', 'a,b,c')", 0],
  ["initcap('hello WORLD o''neil')", "Hello World O'Neil"],
  ["overlay('Txxxxas' placing 'hom' from 2 for 4)", 'Thomas'],
  ["substr_index('www.apache.org', '.', 2)", 'www.apache'],
  ["substring_index('www.apache.org', '.', -1)", 'org'],
  ['to_hex(255)', 'ff'],
  ["split(',1,,2,', ',')", ['', '1', '', '2', '']],
  ["split_index('a,b', ',', 1)", 'b'],
  ["split_index('a,b', ',', 2)", null],
  ["split_index('a,b', ',', -1)", null],
  ['bin(42)', '101010'],
  ['bin(-5)', '-101'],
  ["locate('bar', 'foobarbar', 5)", 7],
  ["locate('bar', 'foobarbar')", 4],
  ["instr('foobarbar', 'bar', 1, 2)", 7],
  ["instr('foobarbar', 'bar', -1, 1)", 7],
  ["instr('foobarbar', 'bar')", 4],
  ["elt(2, 'foo', 'bar', 7)", 'bar'],
  ["elt(3, 'foo', 'bar', 7)", '7'],
  ["elt(4, 'foo')", null],
  ["translate('cat', 'at', 'o')", 'co'],
  ["translate3('añb', 'ñ', 'n')", 'anb'],
  ["url_encode('a+b/c *~')", 'a%2Bb%2Fc+*%7E'],
  ["url_decode('foo+bar')", 'foo bar'],
  ["url_decode('%zz')", null],
  ["parse_url('http://user:pass@example.com/path?query=1#frag', 'QUERY', 'query')", '1'],
  ["parse_url('http://user:pass@example.com/path?query=1#frag', 'authority')", 'user:pass@example.com'],
  ["parse_url('no url', 'HOST')", null],
  ["unhex('466C696E6B')", hex('466c696e6b')],
  ["unhex('F')", hex('0f')],
  ["unhex('zz')", null],
  ["conv_base('FF', '16', '10')", '255'],
  ["_gs_conv_base('1010', 2, 16)", 'a'],
  ["conv_base('9', 8, 10)", null],
  ["'abcd' ~ 'bc'", true],
  ["'ABCD' ~* 'bc'", true],
  ["'abcd' !~ 'bc'", false],
  ["'ABCD' !~* 'bc'", false],
  ["regexp_like('Abc', 'a', 'i')", true],
  ["regexp('data1', '^data')", true],
  ["regexp_count('a.b.c.d', '\\.')", 3],
  ["regexp_match('aé1-2', '(\\d)-(\\d)')", ['1', '2']],
  ["regexp_match('xaby', 'a[()]?b')", ['ab']],
  ["regexp_match('x', 'y')", null],
  ["regexp_extract('foothebar', 'foo(.*?)(bar)', 2)", 'bar'],
  ["regexp_extract('x', 'y')", null],
  ["regexp_extract_all('100-200, 300-400', '(\\d+)-(\\d+)')", ['100', '300']],
  ["regexp_substr('100-200, 300-400', '(\\d+)-(\\d+)$')", '300-400'],
  ["regexp_instr('hello world! Hello everyone!', 'Hello')", 14],
  ["regexp_instr('abc', 'x')", 0],
  ["regexp_replace('a1b2', '\\d', '\\0$1')", 'a\\0$1b\\0$1'],
  ["to_timestamp('2024-01-02T03:04:05Z')", '2024-01-02T03:04:05'],
  ['to_timestamp(1704067200)', '2024-01-01T00:00:00'],
  ['to_timestamp_millis(1704067200123)', '2024-01-01T00:00:00.123'],
  ['to_timestamp_micros(n)', '1970-01-01T00:00:00.000001'],
  ["to_timestamp('02/01/2024', '%d/%m/%Y')", '2024-01-02T00:00:00'],
  ["to_unixtime('2024-01-01')", 1704067200],
  ['from_unixtime(1704067200)', '2024-01-01T00:00:00'],
  ["to_char(timestamp '2024-01-02 00:00:00', '%d')", '02'],
  ["to_date('2024-01-02')", '2024-01-02'],
  ["date_bin(interval '15 minutes', timestamp '2024-01-01 18:27:01')", '2024-01-01T18:15:00'],
  ["date_part('year', date '2024-01-02')", 2024],
  ['make_array(1, 2)', [1, 2]],
  ['array_element([1, 2], 2)', 2],
  ['array_except([1, 2, 3], [2])', [1, 3]],
  ["list_join([1, null, 2], ',', '-')", '1,-,2'],
  ["array_to_string([1, null, 2], ',')", '1,2'],
  ['array_max([1, 3, 2]) + list_min([1, 2])', 4],
  ['array_length([1, 2])', 2],
  ['array_positions([1, 2, 1], 1)', [1, 3]],
  ['array_remove([1, 2, 1], 1)', [2, 1]],
  ['array_remove_all([1, 2, 1], 1)', [2]],
  ["array_repeat('x', 2)", ['x', 'x']],
  ['array_replace([1, 2, 1], 1, 9)', [9, 2, 1]],
  ['array_replace_all([1, 2, 1], 1, 9)', [9, 2, 9]],
  ['arrays_overlap([1], [1, 2])', true],
  ['empty([])', true],
  ["named_struct('a', 1, 'b', 'x')", { a: 1, b: 'x' }],
  ["get_field(named_struct('a', 1), 'a')", 1],
  ['struct(1, 2)', { c0: 1, c1: 2 }],
  ["arrow_cast(5, 'Float64')", 5],
  [
    "array_enumerate(['a', 'b'])",
    [
      { index: 0, value: 'a' },
      { index: 1, value: 'b' },
    ],
  ],
  ["array_filter([{'k': 'a', 'v': 1}, {'k': 'b', 'v': 2}], 'k', 'b')", [{ k: 'b', v: 2 }]],
  ["array_filter_first([{'k': 'a', 'v': 1}], 'k', 'x')", null],
  ["array_filter_in([{'k': 'a'}, {'k': 'b'}], 'k', ['b', 'c'])", [{ k: 'b' }]],
  ["array_struct_field([{'k': 'a'}, {'k': null}], 'k')", ['a', null]],
  [
    "_gs_zip_arrays([1, 2], ['a', 'b'])",
    [
      { f0: 1, f1: 'a' },
      { f0: 2, f1: 'b' },
    ],
  ],
  ["_gs_map_to_array_struct(map{'k': 'v'})", [{ key: 'k', value: 'v' }]],
  ['_gs_generate_series(1, 5, 2)', [1, 3, 5]],
  ["_gs_split_string_to_array('a-b', '-')", ['a', 'b']],
  ['json_value(\'{"a":{"b":"x"}}\', \'$.a.b\')', 'x'],
  ["json_value('{\"a\":null}', '$.a', 'STRING', 'DEFAULT', 'missing', 'NULL', NULL)", 'missing'],
  ["json_value('{bad', '$.a', 'STRING', 'NULL', NULL, 'DEFAULT', 'broken')", 'broken'],
  ["json_value('{bad', '$.a')", null],
  ["json_value('{\"a b\":[1,2]}', '$[''a b''][1]')", '2'],
  ['json_query(\'{"a":{"b":[1,2]}}\', \'$.a\')', '{"b":[1,2]}'],
  ["json_query('{\"a\":1}', '$.a')", null],
  ["json_query('{\"a\":1}', '$.a', 'STRING', 'WITH UNCONDITIONAL ARRAY', 'NULL', 'NULL')", '[1]'],
  ["json_query('{}', '$.a', 'STRING', 'WITHOUT ARRAY', 'EMPTY ARRAY', 'NULL')", '[]'],
  ["json_exists('{\"a\":1}', '$.a')", true],
  ["json_exists('{\"a\":null}', '$.a')", false],
  ["json_exists('{bad', '$.a', 'UNKNOWN')", null],
  ["json_array(1, 'a', null, '{\"x\":1}')", '[1,"a",null,{"x":1}]'],
  ['json_array_absent_on_null(1, null)', '[1]'],
  ["json_object('k', 1, 'l', null)", '{"k":1,"l":null}'],
  ["json_object_absent_on_null('k', 1, 'l', null)", '{"k":1}'],
  ["json_quote('a/é')", '"a\\/\\u00e9"'],
  ['json_unquote(\'"a\\u00e9"\')', 'aé'],
  ["json_string(['a', null])", '["a",null]'],
  ['parse_json(\'{"a": 1}\')', '{"a":1}'],
  ["parse_json(' ')", null],
  ["try_parse_json('{bad')", null],
  ["is_json('[1]', 'ARRAY')", true],
  ["is_json('{bad')", false],
  ['is_json(null)', false],
  ["md5('a')", createHash('md5').update('a').digest('hex')],
  ["sha256('a')", createHash('sha256').update('a').digest('base64')],
  ["encode(digest('a', 'sha512'), 'hex')", createHash('sha512').update('a').digest('hex')],
  ["encode('ab', 'base64')", 'YWI'],
  ["decode('YWI', 'base64')", hex('6162')],
  ["keccak256('hello')", '0x1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8'],
  ["_gs_keccak256('0x')", '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
  ["keccak256('0xz')", null],
  ["xxhash('')", '2d06800538d394c2'],
  ["xxhash('hello world')", 'd447b1ea40e6988b'],
  ["xxhash('grüße')", '5746690366ebbcad'],
  ["xxhash(repeat('y', 300)::blob)", 'e59d0f1da61c2ee0'],
  ["_gs_to_base58(_gs_hex_to_byte('0000dead'))", '11Hwr'],
  ["to_base58('Hello'::blob)", '9Ajdvzr'],
  ["_gs_byte_to_hex(from_base58('11Hwr'))", '0000dead'],
  ["from_base58('0')", ''],
  ["_gs_byte_to_hex(reverse_bytes32(unhex('0102')))", '0201'],
  [
    "u256_add(to_u256('115792089237316195423570985008687907853269984665640564039457584007913129639934'), to_u256(1))",
    String(2n ** 256n - 1n),
  ],
  ["u256_to_string(u256_mod(u256_mul('12', '3'), '5'))", '1'],
  ["i256_sub('1', '3')", '-2'],
  ["i256_div('-7', '2')", '-3'],
  ['i256_abs(i256_neg(to_i256(5)))', '5'],
  ["to_int64('-123')", -123],
  ["to_int64('18446744073709551615')", -1],
  ["u256_cmp('10', '9')", 1],
  ["i256_to_hex('-1')", `0x${'f'.repeat(64)}`],
  ["i256_from_hex('0xff')", '255'],
  ['length(uuid7()) = 36 and uuid7() <> uuid7()', true],
  ['typeof(now())', 'TIMESTAMP WITH TIME ZONE'],
  ['coalesce_meta(null, 2)', 2],
]

/** One statement over all of them: to open a database for each would take a minute. */
const results = resultsOf(expected.map(([sql]) => sql))

for (const [at, [sql, value]] of expected.entries())
  test(`${sql} is ${JSON.stringify(value)}`, async () => assert.deepEqual((await results)[at], value))

const failing: readonly (readonly [sql: string, message: RegExp])[] = [
  ["u256_sub('1', '2')", /u256_sub: -1 does not fit into u256/],
  [
    "i256_add('57896044618658097711785492504343953926634992332820282019728792003956564819967', '1')",
    /does not fit into i256/,
  ],
  ["u256_div('1', '0')", /u256_div: division by zero/],
  ["to_u256('1.5')", /"1.5" is no whole number/],
  ['_gs_zip_arrays([1], [1, 2])', /the arrays to zip must have the same length/],
  ["json_value('{}', '$.a', 'STRING', 'ERROR', NULL, 'NULL', NULL)", /json_value: there is no value at the path/],
  ["digest('a', 'crc')", /there is no hash "crc": write one of md5/],
  ["json_object('a')", /takes keys and values/],
]

for (const [sql, message] of failing) test(`${sql} fails and says why`, () => assert.rejects(resultsOf([sql]), message))

test('a function that only the model has is refused by its name, with the way out', async () => {
  for (const name of ['decimal_arb_add', '_gs_xxhash', 'arrow_typeof'])
    await assert.rejects(compileExpressions(schema, [`${name}('1', '2')`]), {
      code: 'bad_pipeline',
      message: new RegExp(`^sql uses ${name}, which the model has and Millrace has not: `),
    })
})

test('every name in the tables can be made known to DuckDB', async () => {
  const { openDuckDb } = await import('../../duckdb/instance.ts')
  const { installFunctions } = await import('./install.ts')
  const db = await openDuckDb()
  await installFunctions(db, new Set(functionNames), [], createSizeLimit().scalar)
  db.close()
})
