import process from 'node:process'
import { fileSpool } from '../../ts/src/file.ts'
import { eachLine } from './lines.ts'
import { createOperations } from './operations.ts'

/** The TypeScript client on Node, Deno and Bun: the same file. */

const { bun, deno, node } = process.versions as Record<string, string | undefined>
const runtime = bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${node}`
const answer = createOperations({ runtime, spool: fileSpool })

await eachLine(process.stdin, async line => {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
})
// whatever the client still holds, the runner wants no more of it
process.exit(0)
