import { type EpochRow, rowsAfter } from '../sqlite-sink/epochs.suite.ts'

/** Aggregates over the rows of `epochs.suite.ts`, and what they must give. */

export const teamKeys = {
  primary_key: 'id',
  group_by: { team: {} },
  aggregate: {
    members: { fn: 'count' },
    total: { from: 'points', fn: 'sum' },
    heaviest: { from: 'weight', fn: 'max' },
    mean: { from: 'weight', fn: 'avg' },
  },
} as const

/** The teams in the order of their names, the one without a name first. */
export function teamsAfter(epoch: number) {
  const teams = new Map<string | null, EpochRow[]>()
  for (const row of rowsAfter(epoch)) teams.set(row.team, [...(teams.get(row.team) ?? []), row])
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
  return [...teams]
    .map(([team, members]) => {
      const points = members.map(member => member.points).filter(number => number !== null)
      const weights = members.map(member => member.weight)
      return {
        team,
        members: members.length,
        total: points.length === 0 ? null : sum(points),
        heaviest: Math.max(...weights),
        mean_sum: sum(weights),
        mean_count: weights.length,
      }
    })
    .sort((a, b) => (a.team === null ? -1 : b.team === null ? 1 : a.team < b.team ? -1 : 1))
}
