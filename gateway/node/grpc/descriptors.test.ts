import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { descriptorsFile, renderDescriptors } from '../../../infra/protos.ts'

test('the checked-in descriptors are those of the .proto texts', () => {
  assert.equal(readFileSync(descriptorsFile, 'utf8'), renderDescriptors(), 'run: node infra/protos.ts')
})
