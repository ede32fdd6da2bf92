import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { contentOf, linesOf, openSpool, segmentName, spoolError, tempFolder } from './file.suite.ts'
import { fileSpool } from './file.ts'

const module = new URL('./file.ts', import.meta.url).href
const rescue = /move the folder away .* `millrace send` takes its entries/
const state = (fields: object) => JSON.stringify({ version: 1, key: 'k', epoch: 1, entry: 0, position: 0, ...fields })

describe('a spool that cannot be read says which file, what is wrong and what to do', () => {
  const cases: [string, Record<string, string>, RegExp, RegExp][] = [
    [
      'a newer version',
      { 'state.json': state({ version: 2 }) },
      /state\.json: version 2, this client knows 1/,
      /newer client/,
    ],
    ['a state that is empty', { 'state.json': '' }, /state\.json: .*not the state of a spool/, rescue],
    ['a state that is cut', { 'state.json': state({}).slice(0, 20) }, /state\.json: .*not the state/, rescue],
    ['a state that is no object', { 'state.json': '7' }, /state\.json: .*not the state/, rescue],
    [
      'a state without an epoch',
      { 'state.json': state({ epoch: undefined }) },
      /state\.json: epoch is undefined/,
      rescue,
    ],
    ['a negative entry', { 'state.json': state({ entry: -1 }) }, /state\.json: entry is -1/, rescue],
    ['a key that is no text', { 'state.json': state({ key: 1 }) }, /state\.json: key is 1/, rescue],
    [
      'a hole before the first segment',
      { 'state.json': state({ entry: 1 }), [segmentName(3)]: '3\n' },
      /0003\.ndjson: entries 1 to 2 should come before it/,
      rescue,
    ],
    ['segments without their state', { [segmentName(3)]: '3\n' }, /0003\.ndjson: entries 0 to 2 should come/, rescue],
    [
      'a hole between segments',
      { 'state.json': state({}), [segmentName(0)]: '0\n1\n', [segmentName(3)]: '3\n' },
      /0000\.ndjson: its entries end before 2, the next segment begins at 3/,
      rescue,
    ],
    [
      'segments that overlap',
      { 'state.json': state({}), [segmentName(0)]: '0\n1\n', [segmentName(1)]: '1\n' },
      /0000\.ndjson: its entries end before 2, the next segment begins at 1/,
      rescue,
    ],
    ['an empty line', { [segmentName(0)]: '0\n\n2\n' }, /0000\.ndjson: line 2 is empty/, rescue],
    [
      'drops of another form',
      { [segmentName(0)]: '0\n', drops: '0 1\nzero\n' },
      /drops: line 2: "zero" is not/,
      rescue,
    ],
    ['a state that is a folder', { 'state.json/x': '' }, /state\.json: cannot read it: EISDIR/, /another folder/],
  ]
  for (const [name, files, what, wayOut] of cases)
    test(name, t => {
      const folder = tempFolder(t)
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(join(folder, file, '..'), { recursive: true })
        writeFileSync(join(folder, file), text)
      }
      const spool = fileSpool(folder)
      const { message } = spoolError(() => spool.open(), what)
      assert.match(message, wayOut)
      assert.ok(message.startsWith(`spool: ${folder}/`))
      assert.equal(existsSync(join(folder, 'lock')), false, 'it does not keep the lock')
      for (const [file, text] of Object.entries(files))
        assert.equal(readFileSync(join(folder, file), 'utf8'), text, 'it changes nothing')
    })

  test('bytes that are not UTF-8', t => {
    const folder = tempFolder(t)
    writeFileSync(join(folder, segmentName(0)), Buffer.from([0x22, 0xff, 0x22, 10]))
    spoolError(() => fileSpool(folder).open(), /0000\.ndjson: it is not UTF-8/)
  })

  test('a folder that is a file, or below one', t => {
    const file = join(tempFolder(t), 'file')
    writeFileSync(file, 'x')
    spoolError(() => fileSpool(file).open(), /file: cannot make the folder: EEXIST.*choose another one/)
    spoolError(
      () => fileSpool(join(file, 'spool')).open(),
      /spool: cannot make the folder: ENOTDIR.*choose another one/,
    )
  })

  test('no rights to write there', t => {
    const folder = tempFolder(t)
    const spool = join(folder, 'spool')
    mkdirSync(spool)
    chmodSync(spool, 0o500)
    const code = `const { fileSpool } = await import(${JSON.stringify(module)})
      try { fileSpool(${JSON.stringify(spool)}).open() } catch (error) { console.log(error.code, error.message) }`
    // root may write everywhere
    const isRoot = process.getuid?.() === 0
    for (const path of [folder, spool]) if (isRoot) chmodSync(path, 0o555)
    const as = isRoot ? { uid: 65534, gid: 65534 } : {}
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      ...as,
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    })
    assert.match(stdout, /^spool spool: .*\/lock: cannot take the lock: EACCES.*give this process the rights/, stderr)
  })
})

describe('the lock of a spool', () => {
  test('keeps out a second client of this process, also by another path', t => {
    const folder = tempFolder(t)
    const link = join(tempFolder(t), 'link')
    symlinkSync(folder, link)
    const spool = openSpool(t, folder)
    spoolError(() => fileSpool(folder).open(), /lock: this process has the spool open already; give each/)
    spoolError(() => fileSpool(link).open(), /this process has the spool open already/)
    assert.equal(spool.append('1'), true)
    spool.close()
    assert.deepEqual(linesOf(contentOf(link)), ['1'])
  })

  test('keeps out another living process, and tells its pid; once that was killed the spool goes on', async t => {
    const folder = tempFolder(t)
    const code = `const { fileSpool } = await import(${JSON.stringify(module)})
      const spool = fileSpool(${JSON.stringify(folder)})
      spool.open(); spool.append('1'); console.log('open'); setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    spoolError(() => fileSpool(folder).open(), new RegExp(`/lock: process ${child.pid} has the spool open; end it, `))
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.deepEqual(linesOf(contentOf(folder)), ['1'])
  })

  test('is stale where it is empty, no number, or has our own pid of an earlier life', t => {
    const folder = tempFolder(t)
    for (const text of ['', 'x', String(process.pid)]) {
      writeFileSync(join(folder, 'lock'), text)
      const spool = openSpool(t, folder)
      assert.equal(readFileSync(join(folder, 'lock'), 'utf8').split('\n')[0], String(process.pid))
      spool.close()
      assert.equal(existsSync(join(folder, 'lock')), false)
    }
  })

  test('is stale where another process has its pid by now, and held where another thread of this one has it', t => {
    const folder = tempFolder(t)
    for (const pid of [1, process.pid]) {
      writeFileSync(join(folder, 'lock'), `${pid}\n1234567890123\n`)
      openSpool(t, folder).close()
    }
    const spool = openSpool(t, folder)
    const lock = readFileSync(join(folder, 'lock'))
    spool.close()
    writeFileSync(join(folder, 'lock'), lock)
    spoolError(() => fileSpool(folder).open(), new RegExp(`/lock: process ${process.pid} has the spool open`))
  })

  test('is left to whom it belongs by now', t => {
    const folder = tempFolder(t)
    const spool = openSpool(t, folder)
    writeFileSync(join(folder, 'lock'), '1\n')
    spool.close()
    assert.equal(readFileSync(join(folder, 'lock'), 'utf8'), '1\n')
  })
})

test('a spool whose folder is removed under it refuses, and never throws', t => {
  const folder = tempFolder(t)
  const spool = openSpool(t, folder)
  spool.begin({ key: 'k', epoch: 1, entry: 0, position: 0 })
  rmSync(folder, { recursive: true })
  assert.equal(spool.append('1'), false)
  spool.settle(1, 1)
  spool.close()
})
