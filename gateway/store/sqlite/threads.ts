import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The file of a sibling entry (`writer.worker`): `.ts` unbuilt, `.js` in `dist`. */
export function siblingEntry(name: string, from: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(from))}`, from)
}
