import type { DropReason, Events } from './types.ts'

export type Emitter = ReturnType<typeof createEmitter>

// console capture puts its own in place of this one, and must not hear of what it causes
const print = console.error.bind(console)

/** Listeners of a client. What nobody listens to, though it tells of a loss, is printed. */
export function createEmitter() {
  const listeners: { [Name in keyof Events]?: Set<(event: Events[Name]) => void> } = {}
  let drops: Partial<Record<DropReason, number>> | undefined

  function emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const set = listeners[name]
    if (set?.size) for (const listener of set) call(listener, event)
    else if (name === 'drop') print('millrace: dropped:', event)
    else if (name === 'error') {
      const { error, fatal } = event as Events['error']
      if (fatal || 'regressed foreign'.includes(error.code)) print('millrace:', error.message)
    }
  }

  return {
    emit,
    on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
      const set = (listeners[name] ??= new Set() as never) as Set<(event: Events[Name]) => void>
      set.add(listener)
      return () => set.delete(listener)
    },
    /** Told once for all drops of a turn: there may be one for every `send`. */
    drop(reason: DropReason, events: number): void {
      if (drops === undefined) {
        drops = {}
        queueMicrotask(() => {
          const told = drops!
          drops = undefined
          for (const [why, many] of Object.entries(told)) emit('drop', { reason: why as DropReason, events: many })
        })
      }
      drops[reason] = (drops[reason] ?? 0) + events
    },
  }
}

/** A listener that throws is its owner's bug, and must not end the delivery. */
function call<E>(listener: (event: E) => void, event: E): void {
  try {
    listener(event)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
