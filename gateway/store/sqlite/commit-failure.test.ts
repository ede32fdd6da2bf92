import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { recordsOf } from '../../../core/otlp/records.suite.ts'
import { deadAt, logsOf, requestOf } from '../records.suite.ts'
import { appendOf } from '../store.suite.ts'
import { contents, payloads, stored, tempFolder } from './faults.suite.ts'
import { type RemoteStore, startRemote } from './remote.suite.ts'

/** System calls that return an error instead of being done, which strace sees to. */
interface Fault {
  calls: string[]
  error: 'EIO' | 'ENOSPC'
  /** which of them fail, counted in each thread from the end of its start */
  when: { every: number } | { first: number }
}

const sync = ['fsync', 'fdatasync']
const all = [...sync, 'pwrite64', 'pread64', 'ftruncate']
const faults: Record<string, Fault> = {
  'every fourth sync fails': { calls: sync, error: 'EIO', when: { every: 4 } },
  // that of a commit, and that of folding its log in: the commit is found in the log
  'two syncs in a row fail': { calls: sync, error: 'EIO', when: { first: 2 } },
  'every second sync or cut of a file fails': { calls: [...sync, 'ftruncate'], error: 'EIO', when: { every: 2 } },
  'reads and syncs fail for a while': { calls: [...sync, 'pread64'], error: 'EIO', when: { first: 30 } },
  'now and then a write fails': { calls: ['pwrite64'], error: 'EIO', when: { every: 31 } },
  'writes find no space for a while': { calls: ['pwrite64'], error: 'ENOSPC', when: { first: 25 } },
  'nothing works for a while': { calls: all, error: 'EIO', when: { first: 60 } },
}

const under = (trace: string, ...expressions: string[]) => ({
  command: ['strace', '-f', '-qq', '-o', trace, ...expressions.flatMap(expression => ['-e', expression])],
})
const linesOf = (trace: string) => readFileSync(trace, 'utf8').split('\n')

/** How many calls of `names` a thread makes at most until a store is open. */
let atStart: (names: string[]) => number
before(async t => {
  const folder = tempFolder(t as TestContext)
  const trace = join(folder, 'trace')
  const owner = await startRemote(t as TestContext, join(folder, 'a.db'), under(trace, `trace=${all}`))
  await owner.listStreams({ limit: 1 })
  await owner.kill()
  atStart = names => {
    const perThread = new Map<string, number>()
    for (const line of linesOf(trace)) {
      const [, thread, name] = /^(\d+) +(\w+)\(/.exec(line) ?? []
      if (thread !== undefined && names.includes(name!)) perThread.set(thread, (perThread.get(thread) ?? 0) + 1)
    }
    return Math.max(...perThread.values())
  }
})

async function startOnFailingDisk(t: TestContext, { calls, error, when }: Fault) {
  const folder = tempFolder(t)
  const path = join(folder, 'a.db')
  const trace = join(folder, 'trace')
  const from = atStart(calls) + 8
  const which = 'every' in when ? `${from}+${when.every}` : `${from}..${from + when.first - 1}`
  const owner = await startRemote(
    t,
    path,
    under(trace, `trace=${calls}`, `inject=${calls}:error=${error}:when=${which}`),
  )
  const failed = () => linesOf(trace).filter(line => line.endsWith('(INJECTED)')).length
  return { path, owner, failed }
}

const end = (owner: RemoteStore) => owner.close().catch(() => owner.kill())

describe('on a failing disk', { concurrency: 2 }, () => {
  for (const [what, fault] of Object.entries(faults)) {
    test(`where ${what} an append that was acknowledged is stored, and none twice`, async t => {
      const { path, owner, failed } = await startOnFailingDisk(t, fault)
      const acked: string[] = []
      const codes = new Set<string>()
      for (let round = 0; round < 25; round++) {
        const texts = payloads(4, 100, round * 4)
        const send = (text: string, i: number) =>
          owner.append(appendOf(`k${i % 2}`, [text])).then(
            () => acked.push(text),
            error => codes.add(error.code),
          )
        await Promise.all(texts.map(send))
      }
      await end(owner)
      const found = Object.values(contents(path)).flat()
      assert.equal(new Set(found).size, found.length, 'none is stored twice')
      assert.deepEqual(
        acked.filter(text => !found.includes(text)),
        [],
        'all that was acknowledged is stored',
      )
      for (const code of codes) assert.match(code, /^(disk_full|store_unavailable)$/)
      t.diagnostic(`${failed()} calls failed, ${acked.length} of 100 were acknowledged, ${found.length} stored`)
      assert.ok(failed() > 0, 'calls failed')
    })

    test(`where ${what} a sender that asks the count and resumes has each event stored exactly once`, async t => {
      const { path, owner, failed } = await startOnFailingDisk(t, fault)
      const texts = payloads(60, 100)
      let count = 0
      for (let tries = 0; count < texts.length && tries < 500; tries++)
        try {
          count = stored(await owner.append(appendOf('k', texts.slice(count, count + 2), { offset: count }))).count
        } catch {
          const stream = await owner.getStream({ tenant: '', key: 'k' }).catch(() => undefined)
          count = stream?.count ?? count
        }
      await end(owner)
      assert.deepEqual(contents(path), { k: texts })
      assert.ok(failed() > 0, 'calls failed')
    })

    test(`where ${what} a sender that repeats a request at its offset has each record stored exactly once`, async t => {
      const { path, owner, failed } = await startOnFailingDisk(t, fault)
      const requests = Array.from({ length: 15 }, (_, k) => k)
      let tries = 0
      for (const k of requests)
        for (; tries < 500; tries++) {
          const records = recordsOf(logsOf([`${k}`, `${k}`, `${k}`]), { dead: [deadAt(3)] })
          const sent = { offset: k * 4, digest: new Uint8Array(16).fill(k) }
          const outcome = await owner.append(requestOf('k', records, sent)).catch(() => undefined)
          if (outcome === undefined) continue
          assert.equal(stored(outcome).count, (k + 1) * 4)
          break
        }
      await end(owner)
      const db = new Database(path)
      const column = (sql: string) => db.prepare(sql).pluck().all()
      assert.deepEqual(
        column('select body || stream_index from otlp_logs order by stream_index'),
        requests.flatMap(k => [0, 1, 2].map(at => `${k}${k * 4 + at}`)),
      )
      assert.deepEqual(
        column('select stream_index from dead_letters order by 1'),
        requests.map(k => k * 4 + 3),
      )
      assert.deepEqual(column('pragma integrity_check'), ['ok'])
      db.close()
      assert.ok(failed() > 0, 'calls failed')
    })
  }
})
