import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as z from 'zod'
import { fieldsOf } from '../cli/config/fields.ts'
import { codes } from '../core/errors.ts'
import { docsTable } from '../core/telemetry/docs.ts'
import { createRegistry } from '../core/telemetry/registry.ts'
import { configSchema } from '../gateway/config.ts'
import { ingestMetrics, storeMetrics, tailMetrics } from '../gateway/metrics.ts'
import { settingsSchema } from '../jobs/settings.ts'

/** Tables of the documentation that are made from the code. `npm run docs` writes them; a test keeps them true. */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

function metrics(): string {
  const registry = createRegistry()
  registry.register(ingestMetrics)
  registry.register(tailMetrics)
  registry.register(storeMetrics)
  return docsTable(registry).trim()
}

/** All keys of a schema. */
function keys(schema: z.ZodType): string {
  const rows = fieldsOf(schema)
    .filter(field => field.kind !== 'section')
    .map(
      ({ path, default: value, description }) =>
        `| \`${path}\` | ${value === undefined ? '' : `\`${JSON.stringify(value)}\``} | ${description} |`,
    )
  return ['| key | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

function errors(): string {
  const rows = Object.entries(codes).map(
    ([code, { status, retry, doc }]) =>
      `| ${status} | \`${code}\` | ${retry ? 'retries' : 'does not retry'} | ${doc} |`,
  )
  return ['| status | code | a client | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** File → marker → what stands between `<!-- marker -->` and `<!-- /marker -->`. */
const documents: Record<string, Record<string, () => string>> = {
  'gateway/README.md': { metrics, config: () => keys(configSchema) },
  'jobs/README.md': { settings: () => keys(settingsSchema) },
  'clients/PROTOCOL.md': { errors },
}

/** What each file should be. */
export function render(): Map<string, string> {
  const rendered = new Map<string, string>()
  for (const [file, tables] of Object.entries(documents)) {
    let text = readFileSync(join(root, file), 'utf8')
    for (const [marker, make] of Object.entries(tables)) {
      const [begin, end] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`]
      const from = text.indexOf(begin)
      const to = text.indexOf(end)
      if (from < 0 || to < from) throw new Error(`${file} has no ${begin} … ${end}`)
      text = `${text.slice(0, from + begin.length)}\n${make()}\n${text.slice(to)}`
    }
    rendered.set(join(root, file), text)
  }
  return rendered
}

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const [file, text] of render()) writeFileSync(file, text)
