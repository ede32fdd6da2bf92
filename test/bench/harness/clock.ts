import { readFileSync } from 'node:fs'

export interface Clocked<T> {
  /** from the call to its end */
  seconds: number
  /** processor time of the children that ended meanwhile, all their threads */
  cpuSeconds: number
  value: T
}

/** Takes the time of work that is done by children of this process. */
export async function clocked<T>(work: () => Promise<T>): Promise<Clocked<T>> {
  const from = performance.now()
  const cpu = childSeconds()
  const value = await work()
  return { seconds: (performance.now() - from) / 1000, cpuSeconds: childSeconds() - cpu, value }
}

/** Of all children that have ended, from /proc (Linux only; 100 ticks a second). */
function childSeconds(): number {
  // the name, in brackets, may have spaces: cutime and cstime are the 14th and 15th field behind it
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}
