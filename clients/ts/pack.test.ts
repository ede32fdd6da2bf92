import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repository, startGateway, tempDir } from '../../test/support/gateway.ts'
import { ask } from '../../test/support/http.ts'

const program = `
import pino from 'pino'
import { connect } from '@millrace/client'
import { fileSpool } from '@millrace/client/file'
import { indexedDbSpool } from '@millrace/client/indexeddb'
import { captureConsole } from '@millrace/client/console'
import { express, hono } from '@millrace/client/middleware'

const url = process.argv[2]
const stream = connect({ url, stream: 'packed', spool: fileSpool('./spool') })
const restore = captureConsole(stream, { passThrough: false })
console.log('hello')
restore()
stream.send({ functions: [indexedDbSpool, express, hono].map(one => typeof one) })
await stream.close()
const log = pino({ transport: { target: '@millrace/client/pino', options: { url, stream: 'lines', spool: './lines' } } })
log.info('hello')
`

test('the packed client, installed in an empty folder, has all its entries and its types', async () => {
  const dir = tempDir()
  const gateway = await startGateway(['--store', 'memory:', '--port', '0'])
  try {
    const run = (command: string, args: string[], cwd: string) =>
      execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    // a copy: others read the folder meanwhile
    const source = join(dir.path, 'source/clients/ts')
    cpSync(join(repository, 'clients/ts'), source, { recursive: true, filter: path => !path.endsWith('/dist') })
    cpSync(join(repository, 'tsconfig.json'), join(dir.path, 'source/tsconfig.json'))
    symlinkSync(join(repository, 'node_modules'), join(dir.path, 'source/node_modules'))
    const packed = run('npm', ['pack', '--json', '--pack-destination', dir.path], source)
    const [{ filename, files }] = JSON.parse(packed.slice(packed.indexOf('['))) as [
      { filename: string; files: { path: string }[] },
    ]
    const odd = files
      .map(({ path }) => path)
      .filter(path => !/^(dist\/.*(?<!\.(test|suite))\.(js|d\.ts)|README\.md|LICENSE|package\.json)$/.test(path))
    assert.deepEqual(odd, [])
    writeFileSync(join(dir.path, 'package.json'), '{"private":true,"type":"module"}')
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', filename, 'pino@10'], dir.path)

    writeFileSync(join(dir.path, 'a.mjs'), program)
    run(process.execPath, ['a.mjs', gateway.url], dir.path)
    const stored = async (stream: string) => (await ask(`${gateway.url}/v1/streams/${stream}/events`)).body
    const [printed, sent] = (await stored('packed')).trim().split('\n')
    assert.equal(JSON.parse(printed!).message, 'hello')
    assert.deepEqual(JSON.parse(sent!).functions, ['function', 'function', 'function'])
    assert.equal(JSON.parse(await stored('lines')).msg, 'hello')

    writeFileSync(join(dir.path, 'a.ts'), program.replace("import pino from 'pino'", '').replace(/const log.*/s, ''))
    const types = ['--noEmit', '--strict', '--module', 'nodenext', '--lib', 'esnext,dom', '--types', 'node']
    symlinkSync(join(repository, 'node_modules/@types'), join(dir.path, 'node_modules/@types'))
    run('tsc', [...types, 'a.ts'], dir.path)
  } finally {
    await gateway.end()
    dir.remove()
  }
})
