import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { PipelineError } from '../errors.ts'
import { loadPlugins } from './load.ts'

/** A folder with these files, which is removed at the end. */
function folderOf(t: TestContext, files: Record<string, string>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-plugins-')))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** A module with a preprocessor of this id. */
const plugin = (id: string) => `
  import { definePlugin } from 'millrace/plugin'
  export default definePlugin({ preprocessors: { '${id}': async text => text } })`
const load = async (cwd: string, ...paths: string[]) => [...(await loadPlugins(paths, { cwd })).preprocessors.keys()]
const packageJson = (rest: object) => JSON.stringify({ name: 'x', type: 'module', ...rest })

test('a file is loaded, of JavaScript or of TypeScript whose types can be erased', async t => {
  const cwd = folderOf(t, {
    'a.js': plugin('a'),
    'b.ts': `${plugin('b')} satisfies object as import('millrace/plugin').Plugin`,
    'c.mjs': plugin('acme.c'),
    'd.cjs': 'module.exports = { preprocessors: { d: async text => text } }',
  })
  assert.deepEqual(await load(cwd, 'a.js', './b.ts', join(cwd, 'c.mjs'), 'd.cjs'), ['a', 'b', 'acme.c', 'd'])
})

test('a folder is loaded by name, with the packages in it, and without what is no plugin', async t => {
  const cwd = folderOf(t, {
    'p/b.js': plugin('b'),
    'p/a.ts': plugin('a'),
    'p/a.test.ts': 'throw new Error("a test")',
    'p/types.d.ts': 'export {}',
    'p/README.md': '# hello',
    'p/.hidden.js': 'throw new Error("hidden")',
    'p/helpers/x.js': 'throw new Error("a helper")',
    'p/node_modules/y/index.js': 'throw new Error("a dependency")',
    'p/c/package.json': packageJson({ main: 'lib/c.js' }),
    'p/c/lib/c.js': plugin('c'),
  })
  assert.deepEqual(await load(cwd, 'p'), ['a', 'b', 'c'])
})

test('an npm package is found from the working folder, by what it exports', async t => {
  const cwd = folderOf(t, {
    'node_modules/main/package.json': packageJson({ main: './m.js' }),
    'node_modules/main/m.js': plugin('main'),
    'node_modules/@acme/text/package.json': packageJson({ exports: './index.js' }),
    'node_modules/@acme/text/index.js': plugin('text'),
    'node_modules/conditions/package.json': packageJson({
      exports: { '.': { types: './x.d.ts', browser: './no.js', node: { require: './no.cjs', import: './yes.js' } } },
    }),
    'node_modules/conditions/yes.js': plugin('conditions'),
    'node_modules/plain/package.json': packageJson({}),
    'node_modules/plain/index.js': plugin('plain'),
    'deep/er/x': '',
  })
  const found = ['main', '@acme/text', 'conditions', 'plain']
  assert.deepEqual(await load(join(cwd, 'deep/er'), ...found), ['main', 'text', 'conditions', 'plain'])
})

test('a module that is named twice, or by a link, is loaded once', async t => {
  const cwd = folderOf(t, { 'p/a.js': plugin('a') })
  symlinkSync(join(cwd, 'p/a.js'), join(cwd, 'link.js'))
  assert.deepEqual(await load(cwd, 'p', 'p/a.js', 'link.js'), ['a'])
})

test('errors that a plugin makes are those of the runtime, also where another copy is installed', async t => {
  const cwd = folderOf(t, {
    'node_modules/millrace/package.json': packageJson({ exports: { './plugin': './plugin.js' } }),
    'node_modules/millrace/plugin.js': 'throw new Error("another copy")',
    'a.js': `
      import { definePlugin, PipelineError } from 'millrace/plugin'
      export default definePlugin({ preprocessors: { a: async () => { throw new PipelineError('refused', 'no') } } })`,
  })
  const { preprocessors } = await loadPlugins(['a.js'], { cwd })
  await assert.rejects(
    preprocessors.get('a')!('', {}),
    error => error instanceof PipelineError && error.code === 'refused',
  )
})

const wrong: [string, Record<string, string>, string[], RegExp][] = [
  ['a file that is not there', {}, ['./no.js'], /plugin\.path: \.\/no\.js: .*no\.js does not exist/],
  ['a package that is not installed', {}, ['no-such-plugin'], /no-such-plugin: there is no such file.*npm install/],
  ['an empty folder', { 'p/README.md': '' }, ['p'], /has no \.js or \.ts files/],
  ['a broken package.json', { 'p/package.json': '{' }, ['p'], /package\.json: is not JSON/],
  [
    'a package without an import',
    { 'p/package.json': '{"exports":{"require":"./a.cjs"}}' },
    ['p'],
    /nothing for "import"/,
  ],
  [
    'a module that throws',
    { 'a.js': 'throw new Error("no luck")' },
    ['a.js'],
    /plugin .*a\.js: cannot be loaded: Error: no luck/,
  ],
  ['a module that throws no error', { 'a.js': 'throw 5' }, ['a.js'], /a\.js: threw 5/],
  ['a module of no JavaScript', { 'a.js': 'export default {' }, ['a.js'], /a\.js: cannot be loaded: SyntaxError/],
  [
    'a module that lacks a package',
    { 'a.js': 'import "no-such-package"' },
    ['a.js'],
    /cannot be loaded: .*no-such-package/,
  ],
  [
    'TypeScript that is more than types',
    { 'a.ts': 'enum A { B }\nexport default {}' },
    ['a.ts'],
    /types can be erased/,
  ],
  [
    'TypeScript in an installed package',
    { 'node_modules/a/package.json': packageJson({ main: 'a.ts' }), 'node_modules/a/a.ts': plugin('a') },
    ['a'],
    /must be JavaScript/,
  ],
  ['no default export', { 'a.js': 'export const x = 1' }, ['a.js'], /a\.js: has no default export: end it with/],
  ['a number', { 'a.js': 'export default 5' }, ['a.js'], /no plugin: expected keys and values, got 5/],
  ['an unknown part', { 'a.js': 'export default { source: {} }' }, ['a.js'], /no plugin: .*source/],
  [
    'an id that is none',
    { 'a.js': 'export default { preprocessors: { "a b": async () => "" } }' },
    ['a.js'],
    /expected an id such as/,
  ],
  [
    'a part without a schema',
    { 'a.js': 'export default { sources: { a: { open() {} } } }' },
    ['a.js'],
    /sources\.a\.config: expected a schema of zod/,
  ],
  [
    'a preprocessor that is no function',
    { 'a.js': 'export default { preprocessors: { a: 1 } }' },
    ['a.js'],
    /preprocessors\.a: expected a function/,
  ],
  [
    'a function without a type',
    { 'a.js': 'export default { udfs: [{ name: "f", parameters: [], call() {} }] }' },
    ['a.js'],
    /udfs\.0\.returns/,
  ],
]
for (const [name, files, paths, message] of wrong)
  test(`${name} is an error that names it`, async t => {
    await assert.rejects(load(folderOf(t, files), ...paths), { code: 'bad_pipeline', message })
  })

test('two plugins with one id are an error that names both files', async t => {
  const cwd = folderOf(t, { 'a.js': plugin('acme.x'), 'b.js': plugin('acme.x') })
  await assert.rejects(load(cwd, 'a.js', 'b.js'), {
    message: /b\.js: the preprocessor 'acme\.x' is also one of .*a\.js: rename one/,
  })
})

test('two functions whose names differ by case are one for SQL', async t => {
  const udf = (name: string) =>
    `export default { udfs: [{ name: '${name}', parameters: [], returns: 'INT', call: () => 1 }] }`
  const cwd = folderOf(t, { 'a.js': udf('f'), 'b.js': udf('F') })
  await assert.rejects(load(cwd, 'a.js', 'b.js'), { message: /the function 'f'/ })
})

test('a plugin cannot take the type of a node of ours', async t => {
  const cwd = folderOf(t, {
    'a.js': `
      import { definePlugin, transformFrom, z } from 'millrace/plugin'
      const config = z.strictObject({})
      export default definePlugin({ transforms: { sql: transformFrom({ config, create: () => ({ process: async b => b }) }) } })`,
  })
  await assert.rejects(load(cwd, 'a.js'), { message: /the transform 'sql' is also one of millrace itself/ })
})

test('what a part opens must be what the contract wants', async t => {
  const cwd = folderOf(t, {
    'a.js': `
      import { definePlugin, z } from 'millrace/plugin'
      const config = z.strictObject({})
      export default definePlugin({ sources: { a: { config, open: async () => ({ start() {} }) }, b: { config, open: async () => undefined } } })`,
  })
  const { sources } = await loadPlugins(['a.js'], { cwd })
  for (const source of sources)
    await assert.rejects(source.open(source.config.parse({}), {} as never), {
      code: 'bad_pipeline',
      message: new RegExp(
        `source '${source.type}' of plugin .*a\\.js: what it opened has no .*read\\(\\), close\\(\\)`,
      ),
    })
})
