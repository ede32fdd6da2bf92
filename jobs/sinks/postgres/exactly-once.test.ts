import { postgresSinkSuite } from '../../drivers/postgres-sink/exactly-once.suite.ts'
import { subject } from './subject.suite.ts'

postgresSinkSuite(subject)
