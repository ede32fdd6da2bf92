/** Any value as one that JSON can write: bounded in size, and without ever throwing. */

/** levels, members of one object, characters of one string and of all, values in all */
const most = { depth: 6, members: 200, text: 16_384, texts: 1_048_576, values: 5_000 }

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

/**
 * `undefined`, functions and symbols become their text, BigInt its digits, Map an array of pairs, Set an array, Error its
 * name, message, stack, cause and own members, a DOM node its start tag, a cycle `[circular]`.
 */
export function toJsonValue(value: unknown): Json {
  return render(value, { values: most.values, texts: most.texts, above: new Set() })
}

type Budget = { values: number; texts: number; above: Set<object> }

function render(value: unknown, budget: Budget): Json {
  if (--budget.values < 0) return '[…]'
  if (typeof value === 'string') return (budget.texts -= value.length) < 0 ? cut(value, 100) : cut(value)
  if (typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'function') return attempt(() => `[function ${value.name || 'anonymous'}]`)
  if (typeof value !== 'object') return String(value)
  if (budget.above.has(value)) return '[circular]'
  if (budget.above.size >= most.depth) return '[…]'
  budget.above.add(value)
  try {
    return renderObject(value, budget)
  } catch (error) {
    return attempt(() => `[threw ${error}]`)
  } finally {
    budget.above.delete(value)
  }
}

function renderObject(value: object, budget: Budget): Json {
  if (value instanceof Error) return renderError(value, budget)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof RegExp || value instanceof URL) return String(value)
  if (value instanceof Map) return items(value, budget)
  if (Array.isArray(value) || value instanceof Set) return items(value, budget)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${tag(value)} of ${value.byteLength} bytes]`
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) return `[${tag(value)}]`
  const node = value as {
    nodeType?: unknown
    nodeName?: unknown
    attributes?: Iterable<{ name: string; value: string }>
  }
  if (typeof node.nodeType === 'number' && typeof node.nodeName === 'string') return renderNode(node as DomNode)
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return render(toJSON.call(value), budget)
  return members(value, budget)
}

const tag = (value: object) => Object.prototype.toString.call(value).slice(8, -1)

function items(values: Iterable<unknown> & ({ length: number } | { size: number }), budget: Budget): Json[] {
  const out: Json[] = []
  for (const value of values) {
    if (out.length === most.members) {
      out.push(`[… ${('size' in values ? values.size : values.length) - most.members} more]`)
      break
    }
    out.push(render(value, budget))
  }
  return out
}

function members(value: object, budget: Budget, out: Record<string, Json> = {}): Record<string, Json> {
  const names = Object.keys(value)
  for (const name of names.slice(0, most.members)) {
    // one getter that throws must not hide the other members
    const member = attempt(() => render((value as Record<string, unknown>)[name], budget))
    Object.defineProperty(out, name, { value: member, enumerable: true, configurable: true, writable: true })
  }
  if (names.length > most.members) out['[…]'] = `${names.length - most.members} more`
  return out
}

function renderError(error: Error, budget: Budget): Json {
  const { name, message, stack, cause } = error
  const out: Record<string, Json> = { name: cut(String(name)), message: cut(String(message)) }
  if (stack !== undefined) out.stack = cut(String(stack))
  if (cause !== undefined) out.cause = render(cause, budget)
  if (error instanceof AggregateError) out.errors = items(error.errors, budget)
  return members(error, budget, out)
}

interface DomNode {
  nodeName: string
  attributes?: Iterable<{ name: string; value: string }>
}

function renderNode({ nodeName, attributes = [] }: DomNode): string {
  const list = [...attributes].slice(0, 20).map(({ name, value }) => ` ${name}=${JSON.stringify(value)}`)
  return cut(nodeName.startsWith('#') ? nodeName : `<${nodeName.toLowerCase()}${list.join('')}>`)
}

function attempt<T extends Json>(work: () => T): T | string {
  try {
    return work()
  } catch {
    // what throws also when asked for its text
    return '[threw]'
  }
}

const cut = (text: string, length = most.text) =>
  text.length > length ? `${text.slice(0, length)}[… ${text.length - length} more]` : text

/** The line that a console prints: `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O`, `%c` of a first text are filled in. */
export function toMessage(args: readonly Json[]): string {
  const [first] = args
  let used = 0
  let text = ''
  if (typeof first === 'string') {
    used = 1
    text = first.replace(/%([sdifjoOc%])/g, (whole, kind: string) => {
      if (kind === '%') return '%'
      if (used >= args.length) return whole
      const value = args[used++]!
      if (kind === 'c') return ''
      if (kind === 'd' || kind === 'f') return String(Number(value))
      if (kind === 'i') return String(Math.trunc(Number(value)))
      return kind === 's' ? toText(value) : JSON.stringify(value)
    })
  }
  const rest = args.slice(used).map(toText)
  return cut(used === 0 ? rest.join(' ') : [text, ...rest].join(' '))
}

function toText(value: Json): string {
  if (typeof value === 'string') return value
  const { stack, name, message } = (value ?? {}) as { stack?: unknown; name?: unknown; message?: unknown }
  if (typeof stack === 'string' && typeof name === 'string')
    return stack.includes(String(message)) ? stack : `${name}: ${message}\n${stack}`
  return JSON.stringify(value)
}
