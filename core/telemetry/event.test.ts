import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, type EventName, type LogLevel, type LogRecord, type LogThreshold, severity } from './event.ts'

const levels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

function collect(level: LogThreshold) {
  const records: LogRecord[] = []
  const sink = { level, write: (record: LogRecord) => void records.push(record) }
  return { sink, records, log: createLog(sink) }
}

test('an event reaches the sink with its name, fields and sentence', () => {
  const { log, records } = collect('info')
  log.info('gateway.start', { port: 4318 }, 'listening on port 4318')
  log.warn('store.commit.retry')
  assert.deepEqual(records, [
    { level: 'info', event: 'gateway.start', fields: { port: 4318 }, message: 'listening on port 4318' },
    { level: 'warn', event: 'store.commit.retry', fields: {}, message: '' },
  ])
})

test('each threshold lets through its own level and those above; silent lets through none', () => {
  for (const threshold of [...levels, 'silent'] as const) {
    const { log, records } = collect(threshold)
    for (const level of levels) log[level]('gateway.start')
    const expected = levels.filter(level => severity[level] >= severity[threshold])
    assert.deepEqual(
      records.map(({ level }) => level),
      expected,
    )
    for (const level of levels) assert.equal(log.enabled(level), expected.includes(level))
  }
})

test('below the threshold nothing is done with the fields', () => {
  const { log, records } = collect('warn')
  const fields = {
    get costly(): string {
      throw new Error('must not be read')
    },
  }
  log.info('gateway.start', fields)
  log.with({ stream: 'a' }).debug('gateway.start', fields)
  assert.deepEqual(records, [])
  assert.throws(() => log.warn('gateway.start', fields), /must not be read/)
})

test('the threshold may change while the program runs', () => {
  const { sink, log, records } = collect('error')
  const bound = log.with({ stream: 'a' })
  sink.level = 'debug'
  bound.debug('stream.open')
  assert.equal(records.length, 1)
})

test('a log with fields adds them to each event, and those of the event win', () => {
  const { log, records } = collect('info')
  const bound = log.with({ stream: 'a', epoch: 1 }).with({ tenant: 't' })
  bound.info('stream.open', { epoch: 2 })
  log.info('stream.close')
  assert.deepEqual(
    records.map(({ fields }) => fields),
    [{ stream: 'a', epoch: 2, tenant: 't' }, {}],
  )
})

test('an event name is lower case and ends in a verb of the list', () => {
  type Is<Name extends string> = Name extends EventName ? true : false
  const typed: [Is<'gateway.start'>, Is<'store.commit.fail'>, Is<'Gateway.start'>, Is<'gateway.begin'>, Is<'start'>] = [
    true,
    true,
    false,
    false,
    false,
  ]
  assert.equal(typed.length, 5)
})
