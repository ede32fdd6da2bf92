import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { decoderOf } from '../../drivers/avro/types.ts'
import { consume, type Read, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import type { Json } from '../../runtime/contract.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { keyParser } from '../../sources/kafka/tombstone.ts'
import { batchOf, openSink, placeFor } from './harness.suite.ts'

const { skip, at } = service('kafka')
const registry = service('registry')
const brokers = at.KAFKA
const avro = { skip: skip || registry.skip }

const opsOf = (read: readonly Read[]) => read.map(({ headers }) => String(headers?.['dbz.op']))
const keysOf = (read: readonly Read[]) => read.map(({ key }) => String(key))

test(
  'rows are JSON messages with their key and operation, which the peer reads once they are committed',
  { skip },
  async t => {
    const place = placeFor(t, brokers)
    const { sink } = await openSink(t, place)
    assert.equal(await sink.begin(), undefined)
    await sink.write(
      batchOf([
        { id: 1, who: 'a' },
        { id: 2, who: null, _gs_op: 'u' },
        { id: 3, who: 'c', _gs_op: 'd' },
      ]),
      1,
    )
    await sink.commit(checkpoint(1))
    const read = await consume(brokers, place.topic, 3)
    assert.deepEqual(
      read.map(({ value }) => String(value)),
      ['{"id":1,"who":"a"}', '{"id":2,"who":null}', '{"id":3,"who":"c"}'],
    )
    assert.deepEqual(keysOf(read), ['1', '2', '3'])
    assert.deepEqual(opsOf(read), ['c', 'u', 'd'])
  },
)

test('rows are Avro messages of a schema that is registered, and that a peer can read', avro, async t => {
  const place = placeFor(t, brokers, registry.at.REGISTRY)
  const types = {
    id: 'int64',
    who: 'utf8',
    small: 'int32',
    ratio: 'float64',
    ok: 'boolean',
    raw: 'binary',
    price: 'decimal128(10, 2)',
    at: 'timestamp(us, UTC)',
    day: 'date32',
    list: 'list<int64>',
    big: 'uint64',
  }
  const { sink } = await openSink(t, place, { types, keys: { data_format: 'avro', primary_key: 'id, who' } })
  await sink.begin()
  await sink.write(
    batchOf(
      [
        {
          id: -(2n ** 63n),
          who: 'käfer',
          small: -7,
          ratio: 0.5,
          ok: true,
          raw: 'AP8=',
          price: '-1.23',
          at: '2024-01-02T03:04:05.678901Z',
          day: '2024-01-02',
          list: [1, 2],
          big: 2n ** 64n - 1n,
        },
        { id: 2, who: 'a:b' },
      ],
      types,
    ),
    1,
  )
  await sink.commit(checkpoint(1))
  const [first, second] = await consume(brokers, place.topic, 2)
  assert.deepEqual(keysOf([first!, second!]), ['-9223372036854775808:käfer', '2:a\\:b'])
  const answer = await fetch(`${registry.at.REGISTRY}/subjects/${place.topic}-value/versions/latest`)
  const { schema, id } = (await answer.json()) as { schema: string; id: number }
  assert.equal(JSON.parse(schema).doc, '{"primaryKeys":["id","who"]}')
  assert.equal(first!.value!.readInt32BE(1), id)
  const unwrap = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Buffer.isBuffer(value) ? Object.values(value)[0] : value
  const decoded = decoderOf(JSON.parse(schema)).fromBuffer(first!.value!.subarray(5)) as object
  const value = Object.fromEntries(Object.entries(decoded).map(([name, field]) => [name, unwrap(field)]))
  assert.deepEqual(
    { ...value, list: (value.list as unknown[]).map(unwrap) },
    {
      id: -(2n ** 63n),
      who: 'käfer',
      small: -7,
      ratio: 0.5,
      ok: true,
      raw: Buffer.from([0, 255]),
      price: Buffer.from([0x85]),
      at: 1_704_164_645_678_901n,
      day: 19_724,
      list: [1n, 2n],
      big: Buffer.from([0, 255, 255, 255, 255, 255, 255, 255, 255]),
    },
  )
})

test('the topic is made compacted, with its partitions and settings', { skip }, async t => {
  const place = placeFor(t, brokers)
  await openSink(t, place, { keys: { topic_partitions: 3, topic_configs: { 'max.message.bytes': 5000 } } })
  await withAdmin(brokers, async admin => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [place.topic, place.checkpoints] })
    assert.deepEqual(topics.map(({ partitions }) => partitions.length).sort(), [1, 3])
    const names = ['cleanup.policy', 'retention.ms', 'max.message.bytes']
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: place.topic, configNames: names }],
    })
    assert.deepEqual(
      Object.fromEntries(resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue])),
      { 'cleanup.policy': 'compact', 'retention.ms': '-1', 'max.message.bytes': '5000' },
    )
  })
})

test('a key always goes to the partition that other clients choose for it', { skip }, async t => {
  const place = placeFor(t, brokers)
  const { sink } = await openSink(t, place, { keys: { topic_partitions: 7, primary_key: 'who' } })
  await sink.begin()
  const rows = Array.from({ length: 60 }, (_, id) => ({ id, who: 'k'.repeat(id % 9) + id }))
  await sink.write(batchOf(rows), 1)
  await sink.commit(checkpoint(1))
  const { default: kafkajs } = await import('kafkajs')
  const choose = kafkajs.Partitioners.DefaultPartitioner()
  const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({ partitionId, leader: 1 })) as never
  for (const { key, partition, value } of await consume(brokers, place.topic, 60))
    assert.equal(partition, choose({ topic: 'x', partitionMetadata, message: { key, value } }))
})

test('of rows with one key only the last of a batch is sent, unless deduplicate is false', { skip }, async t => {
  const rows = [
    { id: 1, who: 'a' },
    { id: 2, who: 'b' },
    { id: 1, who: 'c', _gs_op: 'u' },
  ]
  for (const deduplicate of [true, false]) {
    const place = placeFor(t, brokers)
    const { sink } = await openSink(t, place, { keys: { deduplicate } })
    await sink.begin()
    await sink.write(batchOf(rows), 1)
    await sink.commit(checkpoint(1))
    assert.deepEqual(
      keysOf(await consume(brokers, place.topic, deduplicate ? 2 : 3)),
      deduplicate ? ['2', '1'] : ['1', '2', '1'],
    )
  }
})

test(
  'a row whose key is null is a dead letter, also where others have the same, and an empty text is a key',
  { skip },
  async t => {
    for (const primary_key of ['who', 'id, who']) {
      const place = placeFor(t, brokers)
      const { sink, context } = await openSink(t, place, { keys: { primary_key } })
      await sink.begin()
      await sink.write(
        batchOf([
          { id: 1, who: null },
          { id: 2, who: '' },
          { id: 1, who: null, _gs_op: 'd' },
          { id: 3, who: 'q' },
        ]),
        1,
      )
      await sink.write(batchOf([{ id: 4, who: null }]), 1)
      await sink.commit(checkpoint(1))
      const keys = keysOf(await consume(brokers, place.topic, 2))
      assert.deepEqual(keys, primary_key === 'who' ? ['', 'q'] : ['2:', '3:q'])
      assert.deepEqual(context.deadRows, [
        dead({ id: 1, who: null, _gs_op: 'i' }),
        dead({ id: 1, who: null, _gs_op: 'd' }),
        dead({ id: 4, who: null, _gs_op: 'i' }),
      ])
    }
    function dead(row: Record<string, Json>) {
      return {
        code: 'bad_row',
        message: 'a row cannot be sent: column "who" of the primary key is null',
        row,
      }
    }
  },
)

test(
  'keys of several columns differ where their rows do, and the source reads them from tombstones',
  { skip },
  async t => {
    const place = placeFor(t, brokers)
    const types = { a: 'utf8', b: 'utf8', at: 'timestamp(ms, UTC)' }
    const at = '2024-01-02T03:04:05.678Z'
    const primary_key = 'a, b, at'
    const texts = [
      ['x:y', 'z'],
      ['x', 'y:z'],
      ['x\\', ':z'],
      ['x\\:', 'z'],
      ['\\n', ''],
      ['', 'ü:'],
    ] as const
    const { sink } = await openSink(t, place, { types, keys: { primary_key, tombstones: true } })
    await sink.begin()
    await sink.write(
      batchOf(
        texts.map(([a, b]) => ({ a, b, at, _gs_op: 'd' })),
        types,
      ),
      1,
    )
    await sink.commit(checkpoint(1))
    const keys = keysOf(await consume(brokers, place.topic, texts.length))
    assert.equal(new Set(keys).size, texts.length)
    assert.equal(keys[0], 'x\\:y:z:2024-01-02T03\\:04\\:05.678Z')
    const parse = keyParser(['a', 'b', 'at'])
    assert.deepEqual(
      keys.map(key => [...parse(Buffer.from(key)).values()]),
      texts.map(([a, b]) => [a, b, at]),
    )
  },
)

test('with tombstones a delete is a message without a value', { skip }, async t => {
  const place = placeFor(t, brokers)
  const { sink } = await openSink(t, place, { keys: { tombstones: true } })
  await sink.begin()
  await sink.write(batchOf([{ id: 1, who: 'a', _gs_op: 'd' }]), 1)
  await sink.commit(checkpoint(1))
  const [read] = await consume(brokers, place.topic, 1)
  assert.deepEqual([read!.value, String(read!.key), String(read!.headers!['dbz.op'])], [null, '1', 'd'])
})

test('raw rows are keys, values and headers as they are', { skip }, async t => {
  const place = placeFor(t, brokers)
  const types = { key: 'utf8', value: 'binary', headers: 'utf8' }
  const { sink, context } = await openSink(t, place, { types, keys: { data_format: 'raw', primary_key: [] } })
  await sink.begin()
  const rows = [
    { key: 'k', value: 'AP8=', headers: '{"a":"1","b":null,"c":2}' },
    { key: null, value: null, headers: null },
    { key: 'x', value: '', headers: '7' },
  ]
  await sink.write(batchOf(rows, types), 1)
  await sink.commit(checkpoint(1))
  const [first, second] = await consume(brokers, place.topic, 2)
  assert.deepEqual([String(first!.key), first!.value], ['k', Buffer.from([0, 255])])
  assert.deepEqual(
    Object.entries(first!.headers!).map(([name, value]) => [name, value == null ? null : String(value)]),
    [
      ['dbz.op', 'c'],
      ['a', '1'],
      ['b', null],
      ['c', '2'],
    ],
  )
  assert.deepEqual([second!.key, second!.value], [null, null])
  assert.match(context.deadRows[0]!.message, /its headers cannot be sent: it is no object, and no list of pairs/)
})

test('a row that the topic does not take is a dead letter, and the others are sent', { skip }, async t => {
  const place = placeFor(t, brokers)
  const keys = { compression: 'none', topic_configs: { 'max.message.bytes': '20000' } }
  const { sink, context } = await openSink(t, place, { keys })
  await sink.begin()
  const rows = Array.from({ length: 50 }, (_, id) => ({ id, who: 'x'.repeat(id === 20 ? 50_000 : 1000) }))
  await sink.write(batchOf(rows), 1)
  await sink.commit(checkpoint(1))
  assert.equal((await consume(brokers, place.topic, 49)).length, 49)
  assert.equal(context.deadRows.length, 1)
  assert.match(
    context.deadRows[0]!.message,
    /it has 48\.\d+ KiB, and topic .* takes 19\.5\d* KiB \(max\.message\.bytes\)/,
  )
})

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
  test(
    `messages that are compressed with ${compression} are understood by the broker, which writes them anew`,
    { skip },
    async t => {
      const place = placeFor(t, brokers)
      const keys = { compression, topic_configs: { 'compression.type': 'gzip' } }
      const { sink } = await openSink(t, place, { keys })
      await sink.begin()
      const rows = Array.from({ length: 3000 }, (_, id) => ({ id, who: `row ${id} ${'x'.repeat(id % 500)}` }))
      await sink.write(batchOf(rows), 1)
      await sink.commit(checkpoint(1))
      const read = await consume(brokers, place.topic, rows.length)
      assert.deepEqual(
        read.map(({ value }) => JSON.parse(String(value))),
        rows,
      )
    },
  )

test(
  'a column that is added becomes a new version of the schema, and one of another type is refused',
  avro,
  async t => {
    const place = placeFor(t, brokers, registry.at.REGISTRY)
    const subject = `${registry.at.REGISTRY}/subjects/${place.topic}-value`
    const keys = { data_format: 'avro' }
    const publish = async (epoch: number, types: Record<string, string>) => {
      const { sink } = await openSink(t, place, { keys, types })
      await sink.begin()
      await sink.write(batchOf([{ id: epoch }], types), epoch)
      await sink.commit(checkpoint(epoch))
    }
    await publish(1, { id: 'int64' })
    await fetch(`${registry.at.REGISTRY}/config/${place.topic}-value`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"compatibility":"BACKWARD"}',
    })
    await publish(2, { id: 'int64', who: 'utf8' })
    assert.deepEqual(await (await fetch(`${subject}/versions`)).json(), [1, 2])
    await assert.rejects(publish(3, { id: 'utf8', who: 'utf8' }), {
      code: 'refused',
      message: /schema registry: status 409/,
    })
  },
)
