import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

/** One file, or stdin. */
export interface Input {
  /** as the user wrote it; `stdin` for stdin */
  name: string
  /** bytes; undefined where it is not known beforehand, as for pipes */
  size: number | undefined
  open(): AsyncIterable<Uint8Array> & { destroy(): unknown }
}

const chunkBytes = 1024 * 1024

/** The inputs that the arguments name; none or `-` is stdin. Throws where a file does not exist or is a folder. */
export async function openInputs(files: readonly string[]): Promise<Input[]> {
  return Promise.all((files.length === 0 ? ['-'] : files).map(file => (file === '-' ? stdin : inputOf(file))))
}

/** The sum of all sizes; undefined where one is not known. */
export function totalSize(inputs: readonly Input[]): number | undefined {
  let total = 0
  for (const { size } of inputs) {
    if (size === undefined) return undefined
    total += size
  }
  return total
}

const stdin: Input = { name: 'stdin', size: undefined, open: () => process.stdin }

async function inputOf(file: string): Promise<Input> {
  const found = await stat(file).catch(cause => {
    throw new Error(`read ${file}`, { cause })
  })
  if (found.isDirectory()) throw new Error(`read ${file}: it is a folder`)
  return {
    name: file,
    size: found.isFile() ? found.size : undefined,
    open: () => createReadStream(file, { highWaterMark: chunkBytes }),
  }
}
