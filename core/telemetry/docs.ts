import { prometheusName } from './naming.ts'
import type { Registry } from './registry.ts'

/** A Markdown table of every registered metric, in order of registration, under its name in the Prometheus text. */
export function docsTable(registry: Registry): string {
  const rows = registry.definitions
    .flatMap(({ specs }) => Object.values(specs))
    .map(spec => {
      const labels = Object.entries(spec.labels).map(([label, values]) => `\`${label}\`: ${values.join(', ')}`)
      return row([`\`${prometheusName(spec)}\``, spec.kind, `\`${spec.unit}\``, labels.join('; '), spec.brief])
    })
  return [row(['metric', 'type', 'unit', 'labels', 'meaning']), row(Array(5).fill('---')), ...rows].join('')
}

function row(cells: readonly string[]): string {
  const texts = cells.map(cell => cell.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replace(/\s+/g, ' '))
  return `| ${texts.join(' | ')} |\n`
}
