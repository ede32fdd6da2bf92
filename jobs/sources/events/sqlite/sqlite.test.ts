import { makeSqliteStore } from '../harness.suite.ts'
import { readingSuite } from '../reading.suite.ts'
import { tablesSuite } from '../tables.suite.ts'

readingSuite('SQLite', makeSqliteStore)
tablesSuite('SQLite', makeSqliteStore)
