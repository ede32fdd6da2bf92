import { holdAndWrite } from '../child.suite.ts'
import { openPostgresState } from './postgres.ts'

const [settings, namespace] = process.argv.slice(2) as [string, string]

await holdAndWrite(() => openPostgresState(JSON.parse(settings), { waiting: { onAway() {}, onBack() {} } }), namespace)
