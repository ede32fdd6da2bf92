/**
 * The handles that code adds to. Each is a fixed place in the one Float64Array of its set, so that adding allocates
 * nothing and costs a few instructions. Totals are exact up to 2^53.
 *
 * A measurement that cannot be (NaN, infinite, negative where the kind forbids it, or one that would overflow the
 * sum) is left out and counted in slot 0: a mistake in telemetry must not fail the request that it measures.
 */

/** counts the refused measurements of the set */
export const refusedSlot = 0

/** What a slot holds until it is touched: -0 + 0 is 0, so that even adding 0 marks it, without a second store. */
export const untouched = -0

class Slot {
  protected readonly values: Float64Array
  protected readonly slot: number

  constructor(values: Float64Array, slot: number) {
    this.values = values
    this.slot = slot
  }
}

export class Counter extends Slot {
  /** `n` is finite and at least 0. */
  add(n: number): void {
    const next = this.values[this.slot]! + n
    if (n >= 0 && next < Infinity) this.values[this.slot] = next
    else this.values[refusedSlot]! += 1
  }

  /** Takes over the total of something that counts by itself; refused where it is below the total so far. */
  advanceTo(total: number): void {
    if (total >= this.values[this.slot]! && total < Infinity) this.values[this.slot] = total + 0
    else this.values[refusedSlot]! += 1
  }
}

/** The instrument of gauges and of up-down counters. */
export class Gauge extends Slot {
  /** `value` is finite. */
  set(value: number): void {
    if (Number.isFinite(value)) this.values[this.slot] = value + 0
    else this.values[refusedSlot]! += 1
  }

  /** `n` is finite; below 0 it takes away. */
  add(n: number): void {
    this.set(this.values[this.slot]! + n)
  }
}

/** Its slots: the sum, then one count for each bound, then the count above the last bound. */
export class Histogram extends Slot {
  private readonly bounds: readonly number[]

  constructor(values: Float64Array, slot: number, bounds: readonly number[]) {
    super(values, slot)
    this.bounds = bounds
  }

  /** `value` is finite and at least 0; one that equals a bound belongs to it. */
  record(value: number): void {
    const sum = this.values[this.slot]! + value
    if (value >= 0 && sum < Infinity) {
      let bucket = 0
      while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++
      this.values[this.slot] = sum + 0
      this.values[this.slot + 1 + bucket]! += 1
    } else this.values[refusedSlot]! += 1
  }
}
