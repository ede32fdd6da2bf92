import { isCutOff } from './failures.ts'

const tries = 4

/** The SDK tries a request again by itself, but not one whose answer breaks off in its body. */
export async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = tries; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 1 || !isCutOff(error)) throw error
    }
  }
}
