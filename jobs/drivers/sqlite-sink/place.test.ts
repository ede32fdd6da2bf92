import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkPlace, makeFolder, realPath, refuseName } from './place.ts'

const refused = (message: RegExp) => ({ code: 'bad_pipeline', path: ['path'], message })

for (const [file, message] of [
  ['sqlite:./o.db', /write \.\/o\.db$/],
  ['SQLite:o.db', /write o\.db$/],
  ['file:///var/o.db', /write \/var\/o\.db$/],
  ['file:x.db?mode=memory', /write x\.db$/],
  ['file:', /write \.\/out\.db$/],
  ['sqlite::memory:', /rows in memory would go with the process/],
  [':memory:', /rows in memory would go with the process/],
  ['~/x.db', /the shell's ~ is not expanded here: write the whole path of ~\/x\.db/],
  ['o.db ', /"o\.db " begins or ends with white space/],
  ['\to.db', /"\\to\.db" begins or ends with white space/],
] as const)
  test(`${JSON.stringify(file)} is no name of a file`, () => {
    assert.throws(() => refuseName(file), refused(message))
  })

test('odd names that are names of files are taken', () => {
  for (const name of ['o.db', './~/x.db', '~x.db', 'a file:b.db', 'profile:x.db', './file:x.db', 'o?.db'])
    refuseName(name)
})

test('a file has one name through links, also before it is there', t => {
  const folder = realpathSync(tempFolder(t))
  mkdirSync(join(folder, 'real'))
  symlinkSync('real', join(folder, 'link'))
  assert.equal(realPath(join(folder, 'link', 'x', '..', 'y', 'o.db')), join(folder, 'real', 'y', 'o.db'))
})

test('links that lead to each other are refused', t => {
  const folder = tempFolder(t)
  symlinkSync('b', join(folder, 'a'))
  symlinkSync('a', join(folder, 'b'))
  assert.throws(() => realPath(join(folder, 'a', 'o.db')), refused(/cannot be made \(ELOOP\)/))
})

test('folders are made level by level, and those that are there stay', t => {
  const folder = tempFolder(t)
  makeFolder(join(folder, 'a', 'b', 'c'))
  makeFolder(join(folder, 'a', 'b', 'c'))
  makeFolder(join(folder, 'a', 'd'))
  assert.deepEqual(readdirSync(join(folder, 'a')).sort(), ['b', 'd'])
  assert.ok(existsSync(join(folder, 'a', 'b', 'c')))
})

test('a folder that cannot be made is named at once', t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'notes.txt'), '')
  assert.throws(() => makeFolder(join(folder, 'notes.txt')), refused(/notes\.txt is no folder/))
  assert.throws(() => makeFolder('/proc/x/y'), refused(/\/proc belongs to the kernel/))
})

test('a place is looked at without anything being made', t => {
  const folder = tempFolder(t)
  checkPlace(join(folder, 'a', 'b', 'o.db'))
  assert.deepEqual(readdirSync(folder), [])
  assert.throws(() => checkPlace('/sys/o.db'), refused(/\/sys belongs to the kernel/))
})

test('a folder or file that this user may not write to is no place', t => {
  const folder = tempFolder(t)
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'open'))
  writeFileSync(join(folder, 'open', 'o.db'), '')
  chmodSync(join(folder, 'open'), 0o777)
  chmodSync(join(folder, 'open', 'o.db'), 0o444)
  mkdirSync(join(folder, 'shut'), { mode: 0o555 })
  const module = JSON.stringify(new URL('place.ts', import.meta.url).href)
  const script = `
    import { checkPlace } from ${module}
    for (const path of process.argv.slice(1))
      try {
        checkPlace(path)
        console.log('ok')
      } catch ({ code, message }) {
        console.log(code + ': ' + message)
      }`
  const paths = ['open/new.db', 'open/o.db', 'shut/o.db', 'shut/deep/o.db'].map(path => join(folder, path))
  // root may write everywhere, so that another user has to look
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, ...paths], {
    ...user,
    encoding: 'utf8',
    env: { ...process.env, NODE_COMPILE_CACHE: '' },
  })
  const [fresh, file, shut, below] = stdout.trimEnd().split('\n')
  assert.equal(fresh, 'ok', stderr)
  assert.match(file!, /^bad_pipeline: .*\/open\/o\.db cannot be written to: change its owner or mode/)
  for (const line of [shut, below]) assert.match(line!, /^bad_pipeline: .*\/shut cannot be written to/)
})
