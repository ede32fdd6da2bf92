/** Rows as objects, one JSON text per line. A column name that comes again gets a number: `count`, `count_2`. */
export function jsonLines(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const names = unique(columns)
  return rows.map(row => `${JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at]])))}\n`).join('')
}

function unique(columns: readonly string[]): string[] {
  const taken = new Set<string>()
  return columns.map(column => {
    let name = column
    for (let again = 2; taken.has(name); again++) name = `${column}_${again}`
    taken.add(name)
    return name
  })
}
