import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { render } from '../infra/docs.ts'

test('the tables of the documentation are those of the code (npm run docs)', () => {
  for (const [file, text] of render()) assert.equal(readFileSync(file, 'utf8'), text)
})
