import { testDatabase } from '../../../../test/support/postgres.ts'
import { service } from '../../../../test/support/servers.ts'
import { makePostgresStore } from '../../../sources/events/harness.suite.ts'
import { retentionSuite } from '../retention.suite.ts'

const { skip, at } = service('postgres')
const make = makePostgresStore(skip === false ? await testDatabase(at.POSTGRES) : undefined)

retentionSuite('Postgres', make, skip)
