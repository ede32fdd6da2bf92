import type { NodeLog } from '../../runtime/contract.ts'

/** Tells, once for each of them, of columns in the data that the rows do not have. */
export function createIgnored(log: NodeLog): (column: string) => void {
  const told = new Set<string>()
  return column => {
    if (told.has(column)) return
    told.add(column)
    log.warn(`column ${JSON.stringify(column)} is left out: it is not in the schema. Name it in \`schema\` to have it`)
  }
}
