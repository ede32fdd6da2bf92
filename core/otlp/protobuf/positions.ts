import type { DeadRecord } from '../records.ts'
import type { Budget } from './budget.ts'

/** memory of a dead letter beside its bytes */
const deadBytes = 256

/** Numbers the records of a request, and collects those that are refused. */
export class Positions {
  readonly dead: DeadRecord[] = []
  private next = 0
  private readonly before: readonly DeadRecord[]
  private merged = 0
  private readonly budget: Budget
  private readonly maxBytes: number

  /** @param before refused by whoever made the request: their positions are taken */
  constructor(before: readonly DeadRecord[], maxBytes: number, budget: Budget) {
    this.before = before
    this.maxBytes = maxBytes
    this.budget = budget
  }

  /** The position of the next record. */
  take(): number {
    if (this.merged < this.before.length) this.pass()
    return this.next++
  }

  private pass(): void {
    while (this.before[this.merged]?.at === this.next) {
      this.dead.push(this.before[this.merged++]!)
      this.next++
    }
  }

  /** Makes a dead letter of the record at [start, end), which has the position `at`. */
  refuse(at: number, source: Uint8Array, start: number, end: number, message: string): void {
    const raw = source.slice(start, Math.min(end, start + this.maxBytes)) as Uint8Array<ArrayBuffer>
    this.budget.take(raw.length + deadBytes)
    this.dead.push({ at, code: 'bad_record', message, size: end - start, raw })
  }

  /** How many positions there are, all records being taken. */
  finish(): number {
    this.pass()
    const left = this.before[this.merged]
    if (left) throw new Error(`a record was refused at position ${left.at}, but the request ends at ${this.next}`)
    return this.next
  }
}
