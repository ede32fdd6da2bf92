import type { DynamicTable } from '../../runtime/contract.ts'

export function createMemoryTable(): DynamicTable {
  const known = new Set<string>()
  return {
    has: async values => values.map(value => value !== null && known.has(value)),
    async add(values) {
      for (const value of values) known.add(value)
    },
    async close() {
      known.clear()
    },
  }
}
