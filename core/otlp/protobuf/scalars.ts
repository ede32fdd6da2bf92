import type { TextPool } from './pool.ts'
import { COMMA, writeByte, writeJsonDouble, writeUnsigned } from './text.ts'
import type { Wire } from './wire.ts'

/** Numbers that are repeated in a message; each way has its own wire type. */
export const scalar = { varint: 0, fixed64: 1, double: 2 } as const
export type Scalar = (typeof scalar)[keyof typeof scalar]

/**
 * Writes all numbers under `field` of the message at [start, end), each with a comma behind. They may be packed, in one
 * piece or several, or stand one by one: a reader must take all three.
 */
export function writeScalars(
  wire: Wire,
  pool: TextPool,
  kind: Scalar,
  field: number,
  start: number,
  end: number,
): void {
  const packed = (field << 3) | 2
  const single = (field << 3) | (kind === scalar.varint ? 0 : 1)
  wire.pos = start
  while (wire.pos < end) {
    const tag = wire.tag(end)
    if (tag === packed) {
      const to = wire.length(end)
      while (wire.pos < to) writeScalar(wire, pool, kind, to)
    } else if (tag === single) writeScalar(wire, pool, kind, end)
    else wire.skip(tag, end, 0)
  }
}

function writeScalar(wire: Wire, pool: TextPool, kind: Scalar, end: number): void {
  if (kind === scalar.double) writeJsonDouble(pool, wire.double(end))
  else if (kind === scalar.fixed64) {
    const at = wire.fixed64(end)
    writeUnsigned(pool, wire.view.getUint32(at, true), wire.view.getUint32(at + 4, true))
  } else {
    wire.varint(end)
    writeUnsigned(pool, wire.low, wire.high)
  }
  writeByte(pool, COMMA)
}
