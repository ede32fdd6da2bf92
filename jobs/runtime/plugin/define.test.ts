import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import type { Sink, Source, Transform } from '../contract.ts'
import { definePlugin } from './define.ts'

const numbers = z.strictObject({ max_rows: z.coerce.number() })
declare const source: Source
declare const transform: Transform
declare const sink: Sink

/** Never called: what the compiler takes and refuses. */
export function types() {
  definePlugin({})
  definePlugin({
    sources: {
      a: { config: numbers, open: async ({ max_rows }) => (max_rows > 1 ? source : source) },
      'b.c': {
        config: z.strictObject({ url: z.url() }),
        open: async ({ url }) => (url.trim() === '' ? source : source),
      },
    },
    transforms: {
      d: {
        config: numbers,
        open: async (config, inputs, { udfs }) =>
          config.max_rows + inputs.size + udfs.length > 0 ? transform : transform,
      },
    },
    sinks: {
      e: {
        config: numbers,
        guarantee: 'at_least_once',
        check: async () => {},
        open: async (config, input) => (config.max_rows + input.primaryKey.length > 0 ? sink : sink),
      },
    },
    udfs: [{ name: 'f', parameters: ['BIGINT'], returns: 'BIGINT', call: value => value ?? null }],
    preprocessors: { g: async (text, options) => text + String(options.x) },
    sideOutputs: {
      h: async stream => ({
        observe: async batch => void (batch.numRows + stream.schema.fields.length),
        close: async () => {},
      }),
    },
  })

  // @ts-expect-error there is no such part
  definePlugin({ source: {} })
  // @ts-expect-error options have the type that the schema gives them
  definePlugin({ sources: { a: { config: numbers, open: async o => (o.max_rows.trim() ? source : source) } } })
  // @ts-expect-error a source gives a Source
  definePlugin({ sources: { a: { config: numbers, open: async () => sink } } })
  // @ts-expect-error a part has a schema
  definePlugin({ sources: { a: { open: async () => source } } })
  // @ts-expect-error there are two guarantees
  definePlugin({ sinks: { a: { config: numbers, guarantee: 'maybe', check: async () => {}, open: async () => sink } } })
  // @ts-expect-error a sink says what it guarantees
  definePlugin({ sinks: { a: { config: numbers, check: async () => {}, open: async () => sink } } })
  // @ts-expect-error a function says what it returns
  definePlugin({ udfs: [{ name: 'f', parameters: [], call: () => null }] })
  // @ts-expect-error a preprocessor gives text
  definePlugin({ preprocessors: { a: async () => 5 } })
}

test('a plugin is what was defined', () => {
  const preprocessors = { a: async (text: string) => text }
  assert.deepEqual(definePlugin({ preprocessors }), { preprocessors })
})
