/** Microseconds UTC as `2026-01-31 12:00:00`; null stays null. */
export function time(micros: number | null): string | null {
  if (micros === null) return null
  return new Date(micros / 1000).toISOString().slice(0, 19).replace('T', ' ')
}
