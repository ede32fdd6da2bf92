import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Inputs of the public model that may lie beside a checkout. Where they do not, their tests are not there either: every
 * rule that they show has a test with inputs of its own.
 */
export const fixtures = fileURLToPath(new URL('../../../shared/fixtures', import.meta.url))
export const hasFixtures = existsSync(fixtures)
