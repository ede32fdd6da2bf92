import { testDatabase } from '../../../../test/support/postgres.ts'
import { service } from '../../../../test/support/servers.ts'
import { makePostgresStore } from '../harness.suite.ts'
import { readingSuite } from '../reading.suite.ts'
import { tablesSuite } from '../tables.suite.ts'

const { skip, at } = service('postgres')
const make = makePostgresStore(skip === false ? await testDatabase(at.POSTGRES) : undefined)

readingSuite('Postgres', make, skip)
tablesSuite('Postgres', make, skip)
