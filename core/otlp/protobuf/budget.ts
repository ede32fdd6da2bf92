import { AppError } from '../../errors.ts'

/**
 * Counts what the rows of one request take: an empty record of two bytes is a row of two hundred, and an attribute of
 * a resource is stored with each of its records.
 */
export class Budget {
  private left: number
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
    this.left = limit
  }

  take(bytes: number): void {
    this.left -= bytes
    if (this.left < 0)
      throw new AppError(
        'body_too_large',
        `the rows of this request take more than ${this.limit} bytes: send fewer records at once`,
      )
  }
}
