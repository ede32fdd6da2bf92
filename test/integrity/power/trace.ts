import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** A system call as strace printed it, strings still as `\xNN`. */
export interface Call {
  name: string
  /** the text between the parentheses */
  args: string
  /** −1 and below: it failed. undefined: it had not returned when the trace ended */
  result: number | undefined
}

/** A call touches the world at some moment between its begin and its end; other threads run in between. */
export interface Step {
  phase: 'begin' | 'end'
  call: Call
}

export interface TraceParser {
  /** The steps in one line of `strace -f -xx`: both where the call was not interrupted by another thread's line. */
  parse(line: string): Step[]
}

const unfinishedMark = ' <unfinished ...>'
const resumedMark = ' resumed>'

/**
 * Lines (strace(1), "-f"):
 *
 *     12  write(3<\x2f\x61>, "\x78", 1) = 1
 *     12  write(3<\x2f\x61>, "\x78", 1 <unfinished ...>
 *     12  <... write resumed>)              = 1
 *     12  +++ exited with 0 +++                   and --- SIGCHLD {…} ---, which say nothing about files
 */
export function createTraceParser(): TraceParser {
  const open = new Map<string, Call>()
  return {
    parse(line) {
      const space = line.indexOf(' ')
      const thread = line.slice(0, space)
      const text = line.slice(space).trimStart()
      if (text === '' || text.startsWith('+++') || text.startsWith('---')) return []
      if (text.startsWith('<... ')) {
        const call = open.get(thread)
        if (call === undefined) throw new Error(`trace: a call resumes that never began: ${line.slice(0, 200)}`)
        open.delete(thread)
        call.args += text.slice(text.indexOf(resumedMark) + resumedMark.length, text.lastIndexOf(')'))
        call.result = resultOf(text)
        return [{ phase: 'end', call }]
      }
      const parenthesis = text.indexOf('(')
      if (parenthesis < 1) throw new Error(`trace: not a line of strace: ${line.slice(0, 200)}`)
      const name = text.slice(0, parenthesis)
      if (text.endsWith(unfinishedMark)) {
        const call: Call = { name, args: text.slice(parenthesis + 1, -unfinishedMark.length), result: undefined }
        open.set(thread, call)
        return [{ phase: 'begin', call }]
      }
      const call = { name, args: text.slice(parenthesis + 1, endOfArgs(text)), result: resultOf(text) }
      return [
        { phase: 'begin', call },
        { phase: 'end', call },
      ]
    },
  }
}

/** Every string is hexadecimal, so that the last ` = ` of a line is the result's. */
function resultOf(text: string): number | undefined {
  const result = /^(0x[0-9a-f]+|-?\d+)/.exec(text.slice(text.lastIndexOf(' = ') + 3))
  return result === null ? undefined : Number(result[1])
}

function endOfArgs(text: string): number {
  return text.lastIndexOf(')', text.lastIndexOf(' = '))
}

/** Calls `onStep` with every step of a trace file, in the order in which the kernel stopped the threads. */
export async function readTrace(path: string, onStep: (step: Step) => void): Promise<void> {
  const parser = createTraceParser()
  const input = createReadStream(path, { encoding: 'latin1', highWaterMark: 1024 * 1024 })
  for await (const line of createInterface({ input })) parser.parse(line).forEach(onStep)
}
