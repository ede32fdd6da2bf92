import { OP } from '../../runtime/batch/types.ts'

/** How a value is seen in the script, where its JSON form is not the value itself. */
export type Seen = 'as_is' | 'bigint' | 'number'

export interface SandboxColumns {
  /** of a row that `process` is given, `_gs_op` among them */
  inputs: readonly { name: string; seen: Seen }[]
  /** of a row that it returns, `_gs_op` among them */
  outputs: readonly string[]
}

/** What `take` gives as JSON text. */
export type SandboxResult = [
  /** a list per output column, all of one length */
  columns: unknown[][],
  /** the input row of each output row; null: every input row gave one */
  places: number[] | null,
  /** input row, message, stack */
  dead: [number, string, string][],
  dropped: number,
  /** columns that were returned, and that no output column takes */
  extra: string[],
]

/**
 * The code that stands between the host and the script, inside the sandbox. It runs before the script does and keeps
 * what it needs of JSON, Object and Promise, and its lists have no prototype: a script that changes these changes
 * nothing here. Rows cross the boundary as one JSON text per call, column by column, which is faster than objects: no
 * keys to read, and one literal makes every row.
 *
 * The value is a function of `log`; it gives the handles that `engine.ts` calls.
 */
export function preludeOf({ inputs, outputs }: SandboxColumns): string {
  const literal = inputs.map(({ name, seen }, at) => `[${quote(name)}]: ${read(`input[${at}][i]`, seen)}`)
  const op = outputs.indexOf(OP)
  const puts = outputs.map((name, at) => (at === op ? '' : putOf(name, at)))
  return `(log => {
  'use strict'
  const { parse, stringify } = JSON
  const { isArray } = Array
  const { keys, hasOwn, setPrototypeOf, preventExtensions } = Object
  const { apply } = Reflect
  const { then } = Promise.prototype
  const { slice } = String.prototype
  const [PromiseOf, ErrorOf, TypeErrorOf, text, big, number, shared] = [Promise, Error, TypeError, String, BigInt, Number, Object.prototype]
  const bare = (list = []) => setPrototypeOf(list, null)
  const cut = (value, length) => apply(slice, value, [0, length])
  const known = setPrototypeOf({ ${outputs.map(name => `[${quote(name)}]: true`).join(', ')} }, null)

  // a value that JSON does not have is text, and so is exact
  BigInt.prototype.toJSON = function toJSON() { return text(this) }

  let process
  let input, total, at
  let columns, places, count, begun, present, dead, deaths, dropped
  let extra = bare(), seen = setPrototypeOf({}, null), extras = 0, told = 0
  let turn = 0, waiting = false

  const rowOf = i => ({ ${literal.join(', ')} })

  function plain(value) {
    if (value === undefined || value === null) return null
    if (typeof value === 'number' || typeof value === 'bigint') return text(value)
    if (typeof value !== 'object') throw new TypeErrorOf('process returned a row with a ' + typeof value + ' in it')
    const json = stringify(value)
    return json === undefined ? null : parse(json)
  }

  function putOp(value, i) {
    let op = value[${quote(OP)}]
    if (op !== undefined) present++
    op ??= input[${inputs.findIndex(({ name }) => name === OP)}][i] ?? 'i'
    if (op !== 'i' && op !== 'u' && op !== 'd') throw new TypeErrorOf('${OP} is i, u or d, not ' + stringify(op))
    columns[${op}][count] = op
  }

  function put(value, i) {
    let v, t
    present = 0
    ${puts.filter(line => line !== '').join('\n    ')}
    putOp(value, i)
    if (keys(value).length !== present) findExtra(value)
    places[count++] = i
  }

  function findExtra(value) {
    for (const key in value)
      if (!(key in known) && !(key in seen) && told < 100) {
        seen[key] = true
        told++
        extra[extras++] = key
      }
  }

  function settle(i, value) {
    begun = count
    try {
      if (isArray(value)) for (let k = 0; k < value.length; k++) emit(i, value[k], ' in an array')
      else emit(i, value, '')
      if (count === begun) dropped++
    } catch (error) {
      fail(i, error)
    }
  }

  function emit(i, value, where) {
    if (value === null || value === undefined) return
    if (typeof value !== 'object' || isArray(value))
      throw new TypeErrorOf('process returned ' + (isArray(value) ? 'an array' : 'a ' + typeof value) + where + ': return an object, an array of objects, or null')
    put(value, i)
  }

  const isThenable = value =>
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    !(value instanceof PromiseOf) && typeof value.then === 'function'
  const awaited = thenable => new PromiseOf(settled => settled(thenable))

  function describe(error) {
    try {
      if (typeof error !== 'object' || error === null) return bare([cut(typeof error === 'string' ? error : text(error), 1000), ''])
      const { name, message, stack } = error
      const said = message === undefined ? stringify(error) : name === undefined ? text(message) : name + ': ' + message
      return bare([cut(text(said), 1000), typeof stack === 'string' ? cut(stack, 4000) : ''])
    } catch {
      return bare(['an error that cannot be shown', ''])
    }
  }

  function fail(i, error) {
    count = begun
    const said = describe(error)
    dead[deaths++] = bare([i, said[0], said[1]])
  }

  /** Until the end of the batch, or a promise. */
  function go() {
    while (at < total) {
      const i = at
      begun = count
      let value
      try {
        value = process(rowOf(i))
        if (isThenable(value)) value = awaited(value)
        if (value instanceof PromiseOf) {
          const mine = ++turn
          waiting = true
          apply(then, value, [v => resume(mine, v, false), e => resume(mine, e, true)])
          return
        }
      } catch (error) {
        waiting = false
        fail(i, error)
        at++
        continue
      }
      settle(i, value)
      at++
    }
  }

  function resume(mine, value, failed) {
    if (!waiting || mine !== turn) return
    waiting = false
    begun = count
    if (failed) fail(at, value)
    else settle(at, value)
    at++
    go()
  }

  const show = value => {
    if (typeof value !== 'object' || value === null) return text(value)
    if (value instanceof ErrorOf) return describe(value)[0]
    try {
      return stringify(value) ?? text(value)
    } catch {
      return text(value)
    }
  }
  const say = level => (...values) => {
    let line = ''
    for (let k = 0; k < values.length; k++) line += (k === 0 ? '' : ' ') + cut(show(values[k]), 4000)
    log(level, cut(line, 4000))
  }
  globalThis.console = { debug: say('debug'), log: say('info'), info: say('info'), warn: say('warn'), error: say('warn') }

  return {
    describe: error => stringify(describe(error)),
    /** After the script ran: from now on no row can leave anything behind in what all objects share. */
    use(found) {
      if (typeof found !== 'function') return ''
      process = found
      preventExtensions(shared)
      return 'function'
    },
    run(json) {
      input = parse(json)
      total = input[0].length
      at = count = begun = dropped = deaths = extras = 0
      columns = bare(), places = bare(), dead = bare(), extra = bare()
      for (let k = 0; k < ${outputs.length}; k++) columns[k] = bare()
      go()
    },
    stuck() {
      waiting = false
      fail(at++, new TypeErrorOf('the promise of process never settles: nothing outside of the script can settle it'))
      go()
    },
    take() {
      if (at < total) return ''
      for (let k = 0; k < ${outputs.length}; k++) columns[k].length = count
      places.length = count
      const all = count === total && deaths === 0 && dropped === 0
      const json = stringify(bare([columns, all ? null : places, dead, dropped, extra]))
      input = columns = places = dead = undefined
      return json
    },
  }
})`
}

function read(value: string, seen: Seen): string {
  if (seen === 'as_is') return value
  const convert = seen === 'bigint' ? 'big' : 'number'
  return `typeof ${value} === 'string' ? ${convert}(${value}) : ${value}`
}

/** Names such as `constructor`, which every object has without being given them. */
const inherited = new Set(Object.getOwnPropertyNames(Object.prototype))

function putOf(name: string, at: number): string {
  const value = inherited.has(name)
    ? `hasOwn(value, ${quote(name)}) ? value[${quote(name)}] : undefined`
    : `value[${quote(name)}]`
  return (
    `v = ${value}; if (v !== undefined) present++; t = typeof v; ` +
    `columns[${at}][count] = t === 'string' || t === 'boolean' || (t === 'number' && v - v === 0) ? v : plain(v)`
  )
}

/** As a JavaScript literal; JSON leaves two line ends in it that ended a line of old JavaScript. */
const quote = (name: string): string =>
  JSON.stringify(name)
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029')
