import { storeSuite } from '../store.suite.ts'
import { openMemory } from './memory.ts'

storeSuite('memory:', openMemory, { sql: false })
