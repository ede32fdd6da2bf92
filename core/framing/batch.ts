import { CLOSE_ARRAY, COMMA, OPEN_ARRAY } from './bytes.ts'

/**
 * What may stand between values.
 *
 *   run      any value                                 where a top-level array is an event like any other
 *   opening  ─[─▶ first, any other byte ▶ run          the first byte of the input decides
 *   first    ─]─▶ closed, or a value ▶ separator
 *   separator ─,─▶ element, ─]─▶ closed
 *   element  a value ▶ separator
 *   closed   white space
 */
export type Place = 'run' | 'opening' | 'first' | 'separator' | 'element' | 'closed'

/** The place after `byte`, which is not white space; `value` where a value must begin with it, `bad` where it cannot stand. */
export function step(place: Place, byte: number): Place | 'value' | 'bad' {
  switch (place) {
    case 'run':
    case 'element':
      return 'value'
    case 'opening':
      return byte === OPEN_ARRAY ? 'first' : 'value'
    case 'first':
      return byte === CLOSE_ARRAY ? 'closed' : 'value'
    case 'separator':
      return byte === COMMA ? 'element' : byte === CLOSE_ARRAY ? 'closed' : 'bad'
    case 'closed':
      return 'bad'
  }
}

export function afterValue(place: Place): Place {
  return place === 'first' || place === 'element' ? 'separator' : 'run'
}

/** Inside of a batch, or after one. */
export function isBatch(place: Place): boolean {
  return place !== 'run' && place !== 'opening'
}

/** The input may end here. */
export function mayEnd(place: Place): boolean {
  return place === 'run' || place === 'opening' || place === 'closed'
}

/** Where a bad byte stands, for messages. */
export function describe(place: Place): string {
  return place === 'closed' ? 'after the "]" of the batch' : 'where "," or "]" of the batch must stand'
}
