import { createMemoryTable } from './memory.ts'
import { tableSuite } from './table.suite.ts'

tableSuite('InMemory', async () => createMemoryTable())
