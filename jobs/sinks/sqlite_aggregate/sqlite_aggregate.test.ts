import { join } from 'node:path'
import { resultsSuite } from '../../drivers/aggregate/results.suite.ts'
import { execute, openSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { sqliteAggregate } from './sqlite_aggregate.ts'

resultsSuite({
  place: t => join(tempFolder(t), 'out.db'),
  open: (t, path, config, input) => openSink(t, sqliteAggregate, { path, ...config }, input),
  rows: (path, table) => query(path, `select * from "${table.replaceAll('"', '""')}"`),
  execute,
  time: text => `${text}.000000`,
  truth: Number,
  noNumber: null,
  misfit: text => `"${text}" is no int64`,
})
