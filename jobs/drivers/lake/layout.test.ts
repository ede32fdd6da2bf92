import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileName, idOf, isPartitionName, partitionFolder, writerName } from './layout.ts'

test('writers have folders that can be read, and no two the same', () => {
  assert.match(writerName('local_app_v1/orders', 'lake'), /^local_app_v1-orders-lake-[0-9a-f]{10}$/)
  assert.notEqual(writerName('a/b', 'c'), writerName('a', 'b/c'))
  assert.match(writerName('../..', '..'), /^[0-9a-z][0-9a-z.-]*-?[0-9a-f]{10}$/)
  assert.ok(writerName('x'.repeat(500), 'ü'.repeat(500)).length < 100)
})

test('names of files sort as their versions do, and tell whose they are', () => {
  const names = [fileName('abc', 9, 99), fileName('abc', 10, 1), fileName('abc', 10, 2)]
  assert.deepEqual(names, [...names].sort())
  assert.equal(idOf(names[0]!), 'abc')
  assert.equal(idOf('data_0.parquet'), undefined)
})

test('values of folders are encoded, null and what would be read as null by themselves', () => {
  assert.equal(partitionFolder('day', '2026-01-31'), 'day=2026-01-31')
  assert.equal(partitionFolder('day', null), 'day=__HIVE_DEFAULT_PARTITION__')
  assert.equal(partitionFolder('v', '__HIVE_DEFAULT_PARTITION__'), 'v=%5F_HIVE_DEFAULT_PARTITION__')
  assert.equal(partitionFolder('v', 'Null'), 'v=%4Eull')
  assert.equal(partitionFolder('v', ''), 'v=')
  assert.equal(partitionFolder('v', "../a b*'(ü)!"), 'v=..%2Fa%20b%2A%27%28%C3%BC%29%21')
})

test('a name of 255 bytes is the longest', () => {
  assert.equal(partitionFolder('v', 'x'.repeat(253))?.length, 255)
  assert.equal(partitionFolder('v', 'x'.repeat(254)), undefined)
})

test('names of partitions are those that every reader sees', () => {
  for (const name of ['day', 'Day of week', 'größe', 'a.b', 'a-b']) assert.ok(isPartitionName(name), name)
  for (const name of ['', '_day', '.day', 'a/b', 'a=b', 'a%20b', 'a\nb', 'a*', '[a]'])
    assert.ok(!isPartitionName(name), name)
})
