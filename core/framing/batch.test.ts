import assert from 'node:assert/strict'
import { test } from 'node:test'
import { afterValue, isBatch, mayEnd, type Place, step } from './batch.ts'

type Row = Record<'[' | ']' | ',' | 'x', ReturnType<typeof step>> & { next: Place; end: boolean; batch: boolean }

/** for each place what `[`, `]`, `,` and any other byte do, where a value leads, and whether the input may end */
const table: Record<Place, Row> = {
  run: { '[': 'value', ']': 'value', ',': 'value', x: 'value', next: 'run', end: true, batch: false },
  opening: { '[': 'first', ']': 'value', ',': 'value', x: 'value', next: 'run', end: true, batch: false },
  first: { '[': 'value', ']': 'closed', ',': 'value', x: 'value', next: 'separator', end: false, batch: true },
  separator: { '[': 'bad', ']': 'closed', ',': 'element', x: 'bad', next: 'run', end: false, batch: true },
  element: { '[': 'value', ']': 'value', ',': 'value', x: 'value', next: 'separator', end: false, batch: true },
  closed: { '[': 'bad', ']': 'bad', ',': 'bad', x: 'bad', next: 'run', end: true, batch: true },
}

test('what may stand between values follows the table', () => {
  for (const [place, row] of Object.entries(table) as [Place, Row][]) {
    for (const char of ['[', ']', ',', 'x'] as const) {
      assert.equal(step(place, char.charCodeAt(0)), row[char], `${place} ${char}`)
    }
    assert.equal(mayEnd(place), row.end, place)
    assert.equal(isBatch(place), row.batch, place)
    if (row.x === 'value') assert.equal(afterValue(place), row.next, place)
  }
})
