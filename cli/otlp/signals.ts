import { requests } from '../../core/otlp/json/schema.ts'
import { Fault, OPEN_ARRAY, OPEN_OBJECT, Source } from '../../core/otlp/json/source.ts'
import { readMessage } from '../../core/otlp/otap/message.ts'
import { payloadTypes } from '../../core/otlp/otap/payloads.ts'
import type { Signal } from '../../core/otlp/records.ts'

const signals = Object.keys(requests) as Signal[]

/** By the first key that a request of one signal has; undefined where there is none, or no JSON before it. */
export function signalOfJson(text: Uint8Array): Signal | undefined {
  try {
    const source = new Source(text)
    const hasMark = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf
    if (hasMark) source.narrow(3, text.length)
    return firstSignal(source)
  } catch (thrown) {
    // whoever decodes the text says what is wrong with it
    if (thrown instanceof Fault) return undefined
    throw thrown
  }
}

function firstSignal(source: Source): Signal | undefined {
  let inArray = source.next() === OPEN_ARRAY && source.enterArray()
  do {
    if (source.next() !== OPEN_OBJECT) return undefined
    if (source.enterObject())
      do {
        source.key()
        const { text, from, to } = source
        const found = signals.find(signal => requests[signal].find(text, from, to) !== undefined)
        if (found !== undefined) return found
        source.skip()
      } while (source.moreInObject())
    inArray &&= source.moreInArray()
  } while (inArray)
  return undefined
}

/** By the types of its payloads, but for those that all signals have. */
export function signalOfOtap(message: Uint8Array): Signal | undefined {
  try {
    const types = readMessage(message).payloads.map(({ type }) => type)
    return signals.find(signal => {
      const { RESOURCE_ATTRS, SCOPE_ATTRS, ...own } = payloadTypes[signal]
      return Object.values<number>(own).some(type => types.includes(type))
    })
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined
    throw thrown
  }
}
