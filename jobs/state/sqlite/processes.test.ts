import { join } from 'node:path'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { durableSuite } from '../durable.suite.ts'
import { openSqliteState } from './sqlite.ts'

durableSuite({
  program: new URL('./child.suite.ts', import.meta.url),
  place(t) {
    const path = join(tempFolder(t), 'state.db')
    return { argument: path, open: () => openSqliteState(path) }
  },
})
