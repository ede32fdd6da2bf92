/** The Prometheus text format 0.0.4, read strictly: what a lenient scraper forgives is an error here. */
export interface Family {
  help: string
  type: string
  samples: Sample[]
}

export interface Sample {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const headLine = new RegExp(`^# (HELP|TYPE) (${name}) (.+)$`)
const sampleLine = new RegExp(`^(${name})(?:\\{(.*)\\})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)$`)
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y
const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  untyped: [''],
  '': [''],
  summary: ['', '_sum', '_count'],
  histogram: ['_bucket', '_sum', '_count'],
}

/** Throws for a line that is none, a family in two places, a sample or label that comes twice, and a counter below 0. */
export function parsePrometheus(text: string): Map<string, Family> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no newline')
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let current: string | undefined
  for (const line of text.split('\n').slice(0, -1)) {
    const head = headLine.exec(line)
    if (head !== null) {
      const [, what, of, rest] = head as unknown as [string, 'HELP' | 'TYPE', string, string]
      const isSecond = of === current && what === 'TYPE' && families.get(of)?.type === ''
      if (families.has(of) && !isSecond) throw new Error(`the family ${of} comes twice: ${line}`)
      if (what === 'TYPE' && !Object.hasOwn(suffixes, rest)) throw new Error(`no type: ${line}`)
      const help = what === 'HELP' ? rest : (families.get(of)?.help ?? '')
      families.set(of, { help, type: what === 'TYPE' ? rest : '', samples: [] })
      current = of
      continue
    }
    const sample = sampleOf(line)
    const named = families.get(current ?? '')
    const belongs = named !== undefined && suffixes[named.type]?.some(suffix => current + suffix === sample.name)
    // a family may do without its head, and stands together all the same
    if (!belongs && families.has(sample.name)) throw new Error(`apart from the others of its family: ${line}`)
    const family = belongs ? named : { help: '', type: 'untyped', samples: [] }
    if (!belongs) families.set((current = sample.name), family)
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
    if (seen.has(key)) throw new Error(`comes twice: ${line}`)
    seen.add(key)
    if (family.type === 'counter' && !(sample.value >= 0)) throw new Error(`a counter of ${line}`)
    family.samples.push(sample)
  }
  return families
}

function sampleOf(line: string): Sample {
  const found = sampleLine.exec(line)
  if (found === null) throw new Error(`no sample: ${JSON.stringify(line)}`)
  const [, called = '', inside = '', value = ''] = found
  const labels = new Map<string, string>()
  label.lastIndex = 0
  while (label.lastIndex < inside.length) {
    const at = label.lastIndex
    const pair = label.exec(inside)
    if (pair === null) throw new Error(`no label at ${at} of ${JSON.stringify(line)}`)
    if (labels.has(pair[1]!)) throw new Error(`the label ${pair[1]} comes twice: ${line}`)
    labels.set(
      pair[1]!,
      pair[2]!.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped)),
    )
  }
  return { name: called, labels: Object.fromEntries(labels), value: Number(value.replace('Inf', 'Infinity')) }
}
