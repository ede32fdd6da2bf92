import { postgresFaultSuite } from '../../drivers/postgres-sink/faults.suite.ts'
import { subject } from './subject.suite.ts'

postgresFaultSuite(subject)
