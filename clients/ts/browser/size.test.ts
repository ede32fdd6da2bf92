import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bundle } from './chromium.ts'

/** Bytes of a minified bundle, gzipped. */
async function sizeOf(contents: string): Promise<number> {
  return gzipSync(await bundle(contents, { minify: true }), { level: 9 }).length
}

test('the client is below 8 KB minified and gzipped, a spool of a page below 2 KB more', async t => {
  const core = await sizeOf("export * from './client.ts'")
  const both = await sizeOf("export * from './client.ts'; export * from './indexeddb.ts'")
  t.diagnostic(`client ${core} bytes, with indexeddb ${both} bytes`)
  assert.ok(core < 8 * 1024, `${core} bytes`)
  assert.ok(both - core < 2 * 1024, `${both - core} bytes`)
})

test('the client for pages needs nothing of Node', async () => {
  // esbuild fails on a node: import that it cannot resolve
  const text = await bundle("export * from './client.ts'; export * from './indexeddb.ts'", { platform: 'browser' })
  assert.doesNotMatch(text, /\bnode:|\brequire\(/)
})
