import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { context, PipelineError } from '../../runtime/errors.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { pgFailure, sqlStateOf } from './failures.ts'
import { openPlace } from './harness.suite.ts'

const { skip, at } = service('postgres')

test('what may pass is tried again, and nothing else is', () => {
  const kinds: Record<string, string> = {
    // connection, resources, shutdown, conflicts between transactions, locks
    ...of('unavailable', '08000 08006 53000 53200 53300 57P01 57P02 57P03 40001 40P01 55P03 25006 58030 72000 26000'),
    ...of('timeout', '57014'),
    ...of('full', '53100'),
    ...of('refused', '28P01 28000 42501 0A000 55000 2BP01 25P02 99999'),
    ...of('bad_pipeline', '42P01 42703 42804 42601 42P07 3D000 3F000'),
    ...of('bad_data', '22001 22003 22P02 22021 22012 23502 23503 23505 23514 21000 54000 P0001 40002 44000'),
    ...of('internal', 'XX000'),
    // of Node
    ...of('unavailable', 'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH'),
    ...of('refused', 'CERT_HAS_EXPIRED ERR_TLS_CERT_ALTNAME_INVALID'),
  }
  for (const [code, kind] of Object.entries(kinds)) {
    const failure = pgFailure(Object.assign(new Error('it failed'), { code }), 'postgres db:5432/app')
    assert.equal(failure.code, kind, code)
    assert.equal(failure.retryable, kind === 'unavailable' || kind === 'timeout')
    assert.match(failure.message, /^postgres db:5432\/app: it failed/)
  }
})

test('a table that is dropped under a statement is looked for again, though the server calls that internal', () => {
  for (const message of ['could not open relation with OID 16401', 'cache lookup failed for type 16402'])
    assert.equal(pgFailure(Object.assign(new Error(message), { code: 'XX000' }), 'postgres').code, 'unavailable')
})

const of = (kind: string, codes: string) => Object.fromEntries(codes.split(' ').map(code => [code, kind]))

test('an error that was wrapped keeps its SQLSTATE, and one that is no error of Postgres has none', () => {
  const failure = pgFailure(Object.assign(new Error('gone'), { code: '42P01' }), 'postgres')
  assert.equal(sqlStateOf(context('sink', context('insert', failure))), '42P01')
  for (const other of [new PipelineError('unavailable', 'x'), new Error('x'), { code: 'EPIPE' }, undefined])
    assert.equal(sqlStateOf(other), undefined)
  assert.equal(pgFailure(failure, 'again'), failure)
  const both = new AggregateError([
    new Error('connect ECONNREFUSED ::1:1'),
    new Error('connect ECONNREFUSED 127.0.0.1:1'),
  ])
  assert.equal(
    pgFailure(Object.assign(both, { code: 'ECONNREFUSED' }), 'postgres localhost:1/app').message,
    'postgres localhost:1/app: connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1',
  )
})

test('the message names table, column and constraint, and what the server says of the value', { skip }, async () => {
  await using place = await openPlace(at.POSTGRES)
  const { session, schema } = place
  await session.query(
    `CREATE TABLE ${schema}.t (id INTEGER PRIMARY KEY, name VARCHAR(3) NOT NULL); INSERT INTO ${schema}.t VALUES (1, 'a')`,
  )
  const told = async (sql: string) => (await errorOf(session.query(sql))).message.replaceAll(schema, 'S')
  const label = session.label
  assert.equal(
    await told(`INSERT INTO ${schema}.t VALUES (1, 'b')`),
    `${label}: duplicate key value violates unique constraint "t_pkey" (SQLSTATE 23505, schema S, table t, constraint t_pkey); Key (id)=(1) already exists.`,
  )
  assert.equal(
    await told(`INSERT INTO ${schema}.t VALUES (2, NULL)`),
    `${label}: null value in column "name" of relation "t" violates not-null constraint (SQLSTATE 23502, schema S, table t, column name); Failing row contains (2, null).`,
  )
  assert.equal(
    await told(`SELECT nam FROM ${schema}.t`),
    `${label}: column "nam" does not exist (SQLSTATE 42703); Perhaps you meant to reference the column "t.name".`,
  )
})
