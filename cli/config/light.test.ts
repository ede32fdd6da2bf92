import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

/** Every package that the module loads, in a process of its own. */
function packagesOf(module: string): string[] {
  const script = `
    import { registerHooks } from 'node:module'
    const seen = new Set()
    registerHooks({
      load(url, context, next) {
        const found = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)
        if (found) seen.add(found[1])
        return next(url, context)
      },
    })
    await import(${JSON.stringify(module)})
    console.log(JSON.stringify([...seen].sort()))
  `
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  return JSON.parse(output) as string[]
}

test('reading the configuration loads neither Arrow nor DuckDB, though it knows the settings of pipelines', () => {
  assert.deepEqual(packagesOf(import.meta.resolve('./load.ts')), ['zod'])
  assert.deepEqual(packagesOf(import.meta.resolve('../commands/serve.ts')), ['commander'])
})
