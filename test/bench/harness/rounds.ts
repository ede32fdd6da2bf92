import { note, toLine } from './benchmark.ts'

export interface Sides<Ours extends object, Reference extends object> {
  ours(round: number): Promise<Ours>
  reference(round: number): Promise<Reference>
}

/** Runs both sides `rounds` times; who goes first alternates, so that neither gets the quieter half of the time. */
export async function alternate<Ours extends object, Reference extends object>(
  rounds: number,
  sides: Sides<Ours, Reference>,
): Promise<{ ours: Ours[]; reference: Reference[] }> {
  const ours: Ours[] = []
  const reference: Reference[] = []
  for (let round = 0; round < rounds; round++) {
    const steps = [
      async () => ours.push(await told(`round ${round + 1}, ours`, sides.ours(round))),
      async () => reference.push(await told(`round ${round + 1}, reference`, sides.reference(round))),
    ]
    if (round % 2 === 1) steps.reverse()
    for (const step of steps) await step()
  }
  return { ours, reference }
}

async function told<T extends object>(what: string, side: Promise<T>): Promise<T> {
  const value = await side
  note(`${what}: ${toLine(value)}`)
  return value
}
