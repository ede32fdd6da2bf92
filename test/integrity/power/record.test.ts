import assert from 'node:assert/strict'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDecoder, type Operation } from './operations.ts'
import { record } from './record.ts'
import type { Connection, Subject } from './subject.ts'
import { readTrace } from './trace.ts'

const idle: Connection = { count: async () => 0, append: async () => 0, stop: () => undefined }

function run(script: string, connect: Subject['connect'] = async () => idle) {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-record-')))
  const trace = join(dir, 'trace')
  const subject: Subject = { database: 'a.db', args: () => ['-e', script], connect, acks: () => [] }
  const work = async () => 'done'
  const recorded = async () => {
    try {
      assert.equal(await record(subject, { dir, trace, seed: 1, work }), 'done')
      const operations: Operation[] = []
      const decoder = createDecoder(dir)
      await readTrace(trace, step => {
        const moment = decoder.decode(step)
        if (moment?.phase === 'begin') operations.push(moment.operation)
      })
      return operations
    } finally {
      rmSync(dir, { recursive: true })
    }
  }
  return recorded()
}

test('the calls of a process on its files are recorded with their bytes, from every thread', async () => {
  const operations = await run(`
    const write = "require('fs').writeFileSync(process.argv[1], 'x'.repeat(100_000), { flush: true })"
    new (require('worker_threads').Worker)(write.replace('process.argv[1]', "'a'"), { eval: true })`)
  assert.deepEqual(
    operations.filter(({ kind }) => kind !== 'message').map(({ kind }) => kind),
    ['open', 'write', 'sync'],
  )
  const write = operations.find(operation => operation.kind === 'write')
  assert.equal(write?.bytes.toString(), 'x'.repeat(100_000))
})

test('a process that fails is an error with its log', async () => {
  await assert.rejects(
    run('throw new Error("no disk")', () => new Promise(() => undefined)),
    /ended early with 1: .*no disk/s,
  )
  await assert.rejects(
    run('process.stdin.resume().on("end", () => process.exit(3))', stopping),
    /the process ended with 3/,
  )
})

test('a process that is told to terminate gets the signal itself and is traced to its end', async () => {
  const script = `
    process.on('SIGTERM', () => { require('fs').writeFileSync('last', ''); process.exit(0) })
    setInterval(() => {}, 1000)
    console.log('ready')`
  const operations = await run(script, async ({ stdout, terminate }) => {
    await new Promise(resolve => stdout.once('data', resolve))
    return { ...idle, stop: terminate }
  })
  assert.ok(operations.some(operation => operation.kind === 'open' && operation.file === 'last'))
})

const stopping: Subject['connect'] = async ({ stdin }) => ({ ...idle, stop: () => void stdin.end() })
