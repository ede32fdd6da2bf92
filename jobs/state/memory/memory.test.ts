import { stateSuite } from '../state.suite.ts'
import { openMemoryState } from './memory.ts'

stateSuite('memory', openMemoryState)
