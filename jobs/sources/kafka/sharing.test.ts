import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { makeTopic, produce, random, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import type { Position, Source, SourceReader } from '../../runtime/contract.ts'
import { rowsIn, stored } from '../../runtime/harness/source.suite.ts'
import { openFor } from './harness.suite.ts'
import { placeOf } from './sharing.ts'

/** Processes that share a topic as members of one group. */

const { skip, at } = service('kafka')
const brokers = at.KAFKA
const json = { data_format: 'json', schema: { id: 'int64' }, primary_key: 'id' }
const messages = (from: number, to: number, partitions: number) =>
  Array.from({ length: to - from }, (_, at) => ({ value: `{"id":${from + at}}`, partition: (from + at) % partitions }))

/** A process: reads until it is told to stop, and makes a checkpoint after every batch. */
interface Member {
  ids: number[]
  position(): Position
  stop(): Promise<void>
}

async function startMember(t: TestContext, topic: string, group: string, from?: Position): Promise<Member> {
  const { source } = await openFor(t, { topic, ...json }, { brokers, connection: { consumer_group_id: group } })
  const ids: number[] = []
  let position = from ?? (await source.start())
  const reader: SourceReader = source.read(position)
  const running = run(source)
  async function run({ finalized }: Source): Promise<void> {
    for (;;) {
      const next = await reader.next()
      if (next === undefined) return
      ids.push(...rowsIn([next]).map(({ id }) => id as number))
      position = stored(next.position)
      await finalized!(position)
    }
  }
  return {
    ids,
    position: () => position,
    async stop() {
      await reader.close()
      await running
      await source.close()
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !condition(); ) {
    assert.ok(Date.now() < end, 'it took too long')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

test(
  'members share the partitions, come and go, and each message is read once',
  { skip, timeout: 120_000 },
  async t => {
    const topic = await makeTopic(t, brokers, { partitions: 4 })
    const group = random('group')
    const first = await startMember(t, topic, group)
    await produce(brokers, topic, messages(0, 100, 4))
    await until(() => first.ids.length === 100)

    const second = await startMember(t, topic, group)
    let next = 100
    while (second.ids.length === 0) {
      await produce(brokers, topic, messages(next, next + 20, 4))
      next += 20
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    await until(() => first.ids.length + second.ids.length >= next)
    const before = second.ids.length
    await first.stop()
    await produce(brokers, topic, messages(next, next + 100, 4))
    next += 100
    await until(() => first.ids.length + second.ids.length >= next)
    assert.ok(second.ids.length > before)

    // whoever comes back knows from the group how far the other was
    const third = await startMember(t, topic, group, first.position())
    await second.stop()
    await produce(brokers, topic, messages(next, next + 40, 4))
    next += 40
    await until(() => first.ids.length + second.ids.length + third.ids.length >= next)
    await third.stop()
    const all = [...first.ids, ...second.ids, ...third.ids].sort((a, b) => a - b)
    assert.deepEqual(
      all,
      Array.from({ length: next }, (_, id) => id),
    )
    const offsets = await withAdmin(brokers, admin =>
      admin.fetchOffsets({ groupId: `${group}-orders`, topics: [topic] }),
    )
    assert.equal(
      offsets[0]!.partitions.reduce((sum, { offset }) => sum + Number(offset), 0),
      next,
    )
  },
)

test(
  'an epoch in which partitions came is read again exactly, without what others have read',
  { skip, timeout: 60_000 },
  async t => {
    const topic = await makeTopic(t, brokers, { partitions: 2 })
    const group = random('group')
    await produce(brokers, topic, messages(0, 20, 2))
    const first = await startMember(t, topic, group)
    await until(() => first.ids.length === 20)
    await first.stop()
    await produce(brokers, topic, messages(20, 30, 2))
    const { source } = await openFor(t, { topic, ...json }, { brokers, connection: { consumer_group_id: group } })
    const start = stored(await source.start())
    const reader = source.read(start)
    let position = start
    const ids: unknown[] = []
    while (ids.length < 10) {
      const next = (await reader.next())!
      ids.push(...rowsIn([next]).map(({ id }) => id))
      position = stored(next.position)
    }
    await reader.close()
    const again: unknown[] = []
    const replay = source.read(start, position)
    for (let next = await replay.next(); next !== undefined; next = await replay.next())
      again.push(...rowsIn([next]).map(({ id }) => id))
    await replay.close()
    assert.deepEqual(
      ids.toSorted(),
      Array.from({ length: 10 }, (_, at) => 20 + at),
    )
    assert.deepEqual(again.toSorted(), ids.toSorted())
  },
)

test('the state goes before the group, unless another process went further', () => {
  assert.deepEqual(placeOf({ offset: 50, begin: 10 }, 40), { offset: 50, begin: 10 })
  assert.deepEqual(placeOf({ offset: 50, begin: 10 }, 90), { offset: 90, begin: 90 })
  assert.deepEqual(placeOf({ offset: 50, begin: 10 }, undefined), { offset: 50, begin: 10 })
  assert.deepEqual(placeOf({ offset: 50, begin: 50 }, 40), { offset: 40, begin: 40 })
  assert.deepEqual(placeOf(undefined, 40), { offset: 40, begin: 40 })
})
