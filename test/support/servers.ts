import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Real servers for tests: `infra/services.sh` installs and starts them where they are asked for. */

export interface Service<Names extends string> {
  /** why there is none on this machine; false: it runs. For the options of a test */
  skip: string | false
  /** what `services.sh start` exports, without `MILLRACE_TEST_`; empty texts where it is skipped */
  at: Readonly<Record<Names, string>>
}

const script = fileURLToPath(new URL('../../infra/services.sh', import.meta.url))
const names = {
  postgres: ['POSTGRES'],
  kafka: ['KAFKA', 'KAFKA_SASL', 'KAFKA_CA'],
  kafka3: ['KAFKA3', 'KAFKA3_SASL', 'KAFKA3_CA'],
  registry: ['REGISTRY'],
  s3: ['S3'],
  clickhouse: ['CLICKHOUSE'],
  clickhouse18: ['CLICKHOUSE18', 'CLICKHOUSE18_PORT', 'CLICKHOUSE18_CLIENT'],
} as const

type Kind = keyof typeof names
type NamesOf<K extends Kind> = (typeof names)[K][number]

/**
 * Starts a server, or finds the one that runs; where `MILLRACE_TEST_…` says where one is (`infra/compose`), it is that
 * one, and what is not said is empty. `instance`: one of its own, which a test may restart and cut off; the test
 * cleans it. With the environment variable CI a server that cannot be had is an error.
 */
export function service<K extends Kind>(kind: K, instance?: string): Service<NamesOf<K>> {
  const name = instance === undefined ? kind : `${kind}@${instance}`
  const given = names[kind].map(key => [key, process.env[`MILLRACE_TEST_${key}`] ?? ''] as const)
  const at = Object.fromEntries(given)
  if (instance === undefined && given[0]![1] !== '') return { skip: false, at: at as Record<NamesOf<K>, string> }
  try {
    const printed = manage('start', name)
    for (const key of names[kind]) at[key] = new RegExp(`^export MILLRACE_TEST_${key}=(.*)$`, 'm').exec(printed)![1]!
    return { skip: false, at: at as Record<NamesOf<K>, string> }
  } catch (error) {
    const { status, stderr } = error as { status?: number; stderr?: string }
    if (status !== 3 || process.env.CI) throw error
    return { skip: String(stderr).trim(), at: at as Record<NamesOf<K>, string> }
  }
}

/** `restart` is a crash: SIGKILL, and the same data again. `clean` ends a server and removes its data. */
export function manage(command: 'start' | 'stop' | 'restart' | 'status' | 'clean', ...names: string[]): string {
  return execFileSync('bash', [script, command, ...names], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
