import type { Json } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { PipelineDeadLetter, StateBackend } from '../state.ts'

interface Namespace {
  /** JSON text, so that nobody shares a value */
  values: Map<string, string>
  letters: PipelineDeadLetter[]
}

/** State that ends with the process: for tests, and for runs that need not be resumed. */
export async function openMemoryState(): Promise<StateBackend> {
  const namespaces = new Map<string, Namespace>()
  const locked = new Set<string>()
  let lastId = 0

  function of(name: string): Namespace {
    let namespace = namespaces.get(name)
    if (namespace === undefined) namespaces.set(name, (namespace = { values: new Map(), letters: [] }))
    return namespace
  }

  return {
    async read(name, prefix = '') {
      const found = [...of(name).values].filter(([key]) => key.startsWith(prefix))
      found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      return new Map(found.map(([key, text]) => [key, JSON.parse(text) as Json]))
    },
    async write(name, { set, dead, settled }) {
      const namespace = of(name)
      // all that can fail comes first
      const changes = [...(set ?? [])].map(
        ([key, value]) => [key, value === undefined ? undefined : JSON.stringify(value)] as const,
      )
      for (const [key, text] of changes) {
        if (text === undefined) namespace.values.delete(key)
        else namespace.values.set(key, text)
      }
      for (const letter of dead ?? []) namespace.letters.push({ ...letter, id: ++lastId, retry_at: null })
      namespace.letters = without(namespace.letters, settled ?? [])
    },
    async reset(name) {
      namespaces.delete(name)
    },
    async lock(name) {
      if (locked.has(name)) {
        const pipeline = name.slice(name.indexOf('/') + 1)
        throw new PipelineError(
          'busy',
          `the pipeline '${pipeline}' is already run by this process (pid ${process.pid})`,
        )
      }
      locked.add(name)
      let held = true
      return {
        async release() {
          if (held) locked.delete(name)
          held = false
        },
      }
    },
    async deadLetters(name, { after = 0, limit = 1000, node, marked = false } = {}) {
      const wanted = of(name).letters.filter(
        letter =>
          letter.id > after && (node === undefined || letter.node === node) && (!marked || letter.retry_at !== null),
      )
      const letters = wanted.slice(0, limit).map(letter => ({ ...letter }))
      return { letters, next: wanted.length > limit ? (letters.at(-1)?.id ?? after) : null }
    },
    async retryDeadLetters(name, ids) {
      const chosen = of(name).letters.filter(
        ({ id, retryable }) => retryable && (ids === undefined || ids.includes(id)),
      )
      for (const letter of chosen) letter.retry_at ??= Date.now() * 1000
      return chosen.length
    },
    async purgeDeadLetters(name, ids) {
      const namespace = of(name)
      const before = namespace.letters.length
      namespace.letters = ids === undefined ? [] : without(namespace.letters, ids)
      return before - namespace.letters.length
    },
    async countDeadLetters(name) {
      return of(name).letters.length
    },
    async close() {
      namespaces.clear()
      locked.clear()
    },
  }
}

function without(letters: PipelineDeadLetter[], ids: readonly number[]): PipelineDeadLetter[] {
  const gone = new Set(ids)
  return gone.size === 0 ? letters : letters.filter(({ id }) => !gone.has(id))
}
