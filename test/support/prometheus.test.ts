import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePrometheus } from './prometheus.ts'

test('families with and without a head are read, escapes of labels undone', () => {
  const families = parsePrometheus(
    '# HELP a b c\n# TYPE a counter\na{x="1",y="\\"\\\\\\n"} 2\na 0\nb_sum 1.5e-7\nb_sum{z=""} +Inf\n',
  )
  assert.deepEqual([...families.keys()], ['a', 'b_sum'])
  assert.deepEqual(families.get('a')?.samples[0], { name: 'a', labels: { x: '1', y: '"\\\n' }, value: 2 })
  assert.deepEqual(
    families.get('b_sum')?.samples.map(({ value }) => value),
    [1.5e-7, Number.POSITIVE_INFINITY],
  )
})

for (const [what, text] of [
  ['no newline at the end', 'a 1'],
  ['an empty line', 'a 1\n\n'],
  ['no value', 'a\n'],
  ['a value that is none', 'a 1x\n'],
  ['a name that is none', '1a 1\n'],
  ['a label without quotes', 'a{x=1} 1\n'],
  ['a label twice', 'a{x="1",x="2"} 1\n'],
  ['an unknown escape', 'a{x="\\t"} 1\n'],
  ['a sample twice', 'a{x="1",y="2"} 1\na{y="2",x="1"} 1\n'],
  ['a family in two places', 'a 1\nb 1\na{x="1"} 1\n'],
  ['two heads', '# TYPE a gauge\n# TYPE a gauge\n'],
  ['a head behind its samples', 'a 1\n# TYPE a gauge\n'],
  ['an unknown type', '# TYPE a meter\n'],
  ['a counter below 0', '# TYPE a counter\na -1\n'],
] as const)
  test(`${what} is an error`, () => assert.throws(() => parsePrometheus(text)))
