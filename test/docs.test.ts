import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { render } from '../infra/docs.ts'

test('the tables of the documentation are those of the code (npm run docs)', () => {
  for (const [file, text] of render()) assert.equal(readFileSync(file, 'utf8'), text)
})

test('the rules of the protocol are numbered without a hole, and none is cited that is not there', () => {
  const text = readFileSync(new URL('../clients/PROTOCOL.md', import.meta.url), 'utf8')
  const rules = [...text.matchAll(/^(\d+)\.(\d+) /gm)].map(
    ([, section, rule]) => [Number(section), Number(rule)] as const,
  )
  let last = [0, 0] as readonly [number, number]
  for (const rule of rules) {
    const next = rule[0] === last[0] ? [last[0], last[1] + 1] : [rule[0], 1]
    assert.deepEqual(rule, next, `after ${last.join('.')}`)
    last = rule
  }
  const known = new Set(rules.map(rule => rule.join('.')))
  const cited = [...text.matchAll(/(?<![\d.\w])(\d\.\d{1,2})(?![\d.])/g)].map(([, rule]) => rule!)
  assert.deepEqual(
    cited.filter(rule => !known.has(rule)),
    [],
  )
})
