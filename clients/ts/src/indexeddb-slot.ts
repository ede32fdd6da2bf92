/**
 * Pages share the name of a spool, but each has a slot of its own: what it keeps belongs to its stream alone. A Web Lock
 * holds the slot for as long as the page lives, however it ends. Takes the first of `slots` that no page has, else a new one.
 */
export async function takeSlot(name: string, slots: readonly number[]): Promise<{ slot: number; release: () => void }> {
  const tried = new Set<number>()
  for (let i = 0, unused = 0; ; i++) {
    while (slots.includes(unused) || tried.has(unused)) unused++
    const slot = slots[i] ?? unused
    tried.add(slot)
    const release = await hold(`millrace-spool ${name}/${slot}`)
    if (release !== undefined) return { slot, release }
  }
}

/** Undefined: another page has it. */
function hold(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    function held(lock: Lock | null): Promise<void> | undefined {
      if (lock !== null) return new Promise(release => resolve(() => release()))
      resolve(undefined)
      return undefined
    }
    navigator.locks.request(name, { ifAvailable: true }, held).catch(reject)
  })
}
