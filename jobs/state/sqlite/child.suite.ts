import { holdAndWrite } from '../child.suite.ts'
import { openSqliteState } from './sqlite.ts'

const [path, namespace] = process.argv.slice(2) as [string, string]

await holdAndWrite(() => openSqliteState(path), namespace)
