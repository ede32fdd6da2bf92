/** Rows under aligned headings, as text. Numbers stand on the right; a cell with several lines takes several lines. */
export function table(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = rows.map(row => columns.map((_, column) => linesOf(row[column])))
  const headings = columns.map(linesOf)
  const widths = columns.map((_, column) => {
    let widest = 0
    for (const row of [headings, ...cells])
      for (const line of row[column]!) widest = Math.max(widest, displayWidth(line))
    return widest
  })
  const isNumeric = columns.map((_, column) => rows.length > 0 && rows.every(row => isNumberOrNull(row[column])))

  const drawn = [headings, widths.map(width => ['-'.repeat(width)]), ...cells].flatMap(row => {
    const height = Math.max(...row.map(lines => lines.length))
    return Array.from({ length: height }, (_, at) =>
      row
        .map((lines, column) => pad(lines[at] ?? '', widths[column]!, isNumeric[column]!))
        .join('  ')
        .trimEnd(),
    )
  })
  return columns.length === 0 ? '' : `${drawn.join('\n')}\n`
}

/** What a cell shows. Control characters but line breaks are escaped: data must not drive the terminal. */
function linesOf(value: unknown): string[] {
  const text = value === null || value === undefined ? '' : String(value)
  return text
    .split(/\r?\n/)
    .map(line =>
      line.replace(/[\u0000-\u001f\u007f-\u009f]/g, char =>
        char === '\t' ? '    ' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
    )
}

function isNumberOrNull(value: unknown): boolean {
  return typeof value === 'number' || value === null || value === undefined
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return right ? space + text : text + space
}

const segmenter = new Intl.Segmenter()
const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/u

/** Columns on a terminal: two for an East Asian character or an emoji, one for any other character. */
function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += wide.test(segment) ? 2 : 1
  return width
}
