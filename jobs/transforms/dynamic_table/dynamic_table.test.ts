import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dynamicTable } from './dynamic_table.ts'

const parse = (more: Record<string, unknown>) =>
  dynamicTable.config.safeParse({ backend_type: 'InMemory', backend_entity_name: 'seen', ...more })

test('the model spells its backends in many ways', () => {
  for (const name of ['InMemory', 'in-memory', 'in_memory', 'INMEMORY', 'In Memory'])
    assert.equal(parse({ backend_type: name }).data?.backend_type, 'inmemory', name)
  for (const name of ['sqlite', 'SQLite', 'Sqlite'])
    assert.equal(parse({ backend_type: name }).data?.backend_type, 'sqlite')
  for (const name of ['Postgres', 'postgres', 'PostgreSQL'])
    assert.equal(parse({ backend_type: name }).data?.backend_type, 'postgres')
})

test('the defaults are those of the model', () => {
  assert.deepEqual(parse({}).data, {
    backend_type: 'inmemory',
    backend_entity_name: 'seen',
    path: './dynamic_tables.db',
    column: 'value',
    time_column: 'updated_at',
  })
})

test('other backends are said not to be there', () => {
  for (const [name, said] of [
    ['redis', /there is no backend "redis": write InMemory, Sqlite or Postgres/],
    ['', /there is no backend ""/],
  ] as const) {
    const { error } = parse({ backend_type: name })
    assert.deepEqual(error?.issues[0]?.path, ['backend_type'])
    assert.match(error!.issues[0]!.message, said)
  }
})

test('names are identifiers, and unknown keys are errors', () => {
  for (const name of ['', '1a', 'a-b', 'a b', 'a"; drop table x', 'é', 'a.b', 'a\n'])
    for (const key of ['backend_entity_name', 'column', 'time_column'])
      assert.ok(!parse({ [key]: name }).success, `${key} ${JSON.stringify(name)}`)
  assert.ok(!parse({ from: 'x' }).success)
})
