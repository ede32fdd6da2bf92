import { appendFileSync, existsSync } from 'node:fs'
import { type Report, round } from './benchmark.ts'

const columns = '| date | bench | ours | reference | unit | ratio | bar | aim | rounds (ours ÷ reference) | machine |'

/** Adds a dated row per report to a Markdown file, and the head of the table where the file is new. */
export function appendResult(file: string | URL, report: Report, machine: string, date: Date): void {
  if (!existsSync(file)) {
    appendFileSync(file, `# Results\n\nMethod: README.md.\n\n${columns}\n${columns.replace(/[^|]+/g, ' --- ')}\n`)
  }
  const cells = [
    date.toISOString().slice(0, 10),
    report.bench,
    round(report.ours),
    report.reference === null ? '–' : round(report.reference),
    report.unit,
    report.ratio === null ? '–' : round(report.ratio),
    report.bar === null ? '–' : `${report.lower_is_better ? '≤' : '≥'} ${report.bar}`,
    report.aim ?? '–',
    `${report.rounds.ours.map(round).join(' ')} ÷ ${report.rounds.reference.map(round).join(' ') || '–'}`,
    machine,
  ]
  appendFileSync(file, `| ${cells.join(' | ')} |\n`)
}
