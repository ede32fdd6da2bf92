import assert from 'node:assert/strict'
import { existsSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { openStore } from '../../../gateway/store/index.ts'
import type { Sink, SinkDefinition } from '../../runtime/contract.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { exactlyOnceSuite } from '../../runtime/harness/exactly-once.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { epochRows, epochTypes, generator } from './epochs.suite.ts'
import { batchOf, execute, openSink, query } from './harness.suite.ts'
import { type RemoteTask, startRemote } from './remote.suite.ts'

/** Where no file can ever be, from a folder with a file `notes.txt` and a link `link` to what is not there. */
const hopelessPaths: readonly (readonly [string, (folder: string) => string, RegExp])[] = [
  ['a folder of the kernel', () => '/proc/x/y/out.db', /\/proc belongs to the kernel/],
  ['a file as folder', folder => join(folder, 'notes.txt', 'out.db'), /notes\.txt\/out\.db cannot be made \(ENOTDIR\)/],
  ['a folder below a file', folder => join(folder, 'notes.txt', 'x', 'out.db'), /cannot be made \(ENOTDIR\)/],
  ['a link to a folder that is not there', folder => join(folder, 'link', 'out.db'), /link is a link to what is not/],
  ['a link to a file that is not there', folder => join(folder, 'link'), /link is a link to what is not there/],
  ['a name that is too long', folder => join(folder, `${'x'.repeat(300)}.db`), /cannot be made \(ENAMETOOLONG\)/],
  ['a name with a zero byte', folder => `${folder}/a\0b.db`, /cannot be made \(ERR_INVALID_ARG_VALUE\)/],
  ['a URL', () => 'sqlite:./out.db', /"sqlite:\.\/out\.db" is a URL, and path names a file: write \.\/out\.db/],
  ["the shell's home", () => '~/out.db', /the shell's ~ is not expanded here: write the whole path/],
]

export interface Subject<C> {
  definition: SinkDefinition<C>
  type: RemoteTask['sink']
  /** default for `table`: the one that `assertIs` looks at */
  config(path: string, table?: string): object
  /** Fails unless the file has exactly what the epochs up to this one make. */
  assertIs(path: string, epoch: number): void
}

/** Processes that are killed; more by the environment, for long runs. */
const kills = Number(process.env.MILLRACE_SINK_KILLS ?? 20)

/** What every sink promises that publishes rows and position in one transaction of an SQLite file. */
export function sqliteSinkSuite<C>({ definition, type, config, assertIs }: Subject<C>): void {
  const input = streamOf(epochTypes)
  const batch = (epoch: number) => batchOf(epochTypes, epochRows(epoch))
  async function publish(sink: Sink, epoch: number): Promise<void> {
    await sink.write(batch(epoch), epoch)
    await sink.commit(checkpoint(epoch))
  }
  /** A sink that has published the first epoch. */
  async function openPublished(t: TestContext, path: string): Promise<Sink> {
    const { sink } = await openSink(t, definition, config(path), input)
    await sink.begin()
    await publish(sink, 1)
    return sink
  }

  exactlyOnceSuite({
    type,
    place: t => join(tempFolder(t), 'out.db'),
    open: async (t, path) => (await openSink(t, definition, config(path), input)).sink,
    start: (t, path, task) => startRemote(t, { sink: type, config: config(path), ...task }),
    batch,
    assertIs,
    locks: true,
  })

  test(`${type}: an epoch that is there already is dropped whole, another one of its number is an error`, async t => {
    const path = join(tempFolder(t), 'out.db')
    const { sink } = await openSink(t, definition, config(path), input)
    await sink.begin()
    for (const epoch of [1, 2, 2]) await publish(sink, epoch)
    assertIs(path, 2)
    await assert.rejects(sink.commit({ ...checkpoint(2), to: { rows: { at: 9 } } }), { code: 'state' })
    await assert.rejects(sink.commit(checkpoint(1)), { code: 'state', message: /has published epoch 2 already/ })
    assertIs(path, 2)
  })

  test(`${type}: an older run is fenced and changes nothing`, async t => {
    const path = join(tempFolder(t), 'out.db')
    const older = await openSink(t, definition, config(path), input)
    await older.sink.begin()
    await older.sink.write(batch(1), 1)
    const newer = await openSink(t, definition, config(path), input)
    await newer.sink.begin()
    await assert.rejects(older.sink.commit(checkpoint(1)), { code: 'fenced', message: /newer run of sink "out"/ })
    assertIs(path, 0)
    await publish(newer.sink, 1)
    await assert.rejects(older.sink.commit(checkpoint(2)), { code: 'fenced' })
    await older.sink.finalized?.(1)
    assertIs(path, 1)
  })

  test(`${type}: sinks of other names and pipelines keep positions of their own`, async t => {
    const path = join(tempFolder(t), 'out.db')
    const contexts = [
      { name: 'out', pipeline: 'test/a' },
      { name: 'out', pipeline: 'test/b' },
      { name: 'other', pipeline: 'test/a' },
    ].map(watched)
    const opened = []
    for (const context of contexts) opened.push(await openSink(t, definition, config(path), input, context))
    for (const { sink } of opened) assert.equal(await sink.begin(), undefined)
    for (const [at, { sink }] of opened.entries()) await sink.commit(checkpoint(at + 1))
    for (const [at, { sink }] of opened.entries()) assert.deepEqual(await sink.begin(), checkpoint(at + 1))
  })

  test(`${type}: reset forgets the position and leaves the rows`, async t => {
    const path = join(tempFolder(t), 'out.db')
    const first = await openPublished(t, path)
    const second = await openSink(t, definition, config(path), input)
    await second.sink.reset()
    assertIs(path, 1)
    assert.equal(await second.sink.begin(), undefined)
    await assert.rejects(first.commit(checkpoint(2)), { code: 'fenced' })
  })

  test(`${type}: a commit that fails leaves nothing, and the next run can publish the epoch`, async t => {
    const path = join(tempFolder(t), 'out.db')
    const { sink } = await openSink(t, definition, config(path), input)
    await sink.begin()
    await sink.write(batch(1), 1)
    const db = new Database(path)
    db.exec(
      `create trigger refuse before update on _millrace_positions when new.epoch is not null begin select raise(abort, 'no'); end`,
    )
    await assert.rejects(sink.commit(checkpoint(1)), { code: 'bad_data', message: /publish 250 rows in table.*no\)/ })
    assertIs(path, 0)
    db.exec('drop trigger refuse')
    db.close()
    const next = await openSink(t, definition, config(path), input)
    assert.equal(await next.sink.begin(), undefined)
    await publish(next.sink, 1)
    assertIs(path, 1)
  })

  test(`${type}: another process's lock is waited for, and the wait ends with the attempt`, async t => {
    const path = join(tempFolder(t), 'out.db')
    const { sink } = await openSink(t, definition, config(path), input)
    await sink.begin()
    await sink.write(batch(1), 1)
    const other = new Database(path)
    other.exec('begin immediate')
    const committed = sink.commit(checkpoint(1))
    // long enough for some tries
    await delay(20)
    assertIs(path, 0)
    other.exec('commit')
    await committed
    assertIs(path, 1)

    const context = watched()
    const { sink: ended } = await openSink(t, definition, config(path), input, context)
    other.exec('begin immediate')
    const begun = ended.begin()
    context.abort()
    await assert.rejects(begun)
    other.exec('commit')
    other.close()
  })

  test(`${type}: a file that is deleted or replaced meanwhile is an error, not a gap`, async t => {
    const folder = tempFolder(t)
    const path = join(folder, 'out.db')
    const { sink } = await openSink(t, definition, config(path), input)
    await sink.begin()
    await sink.write(batch(1), 1)
    renameSync(path, join(folder, 'moved.db'))
    await assert.rejects(sink.commit(checkpoint(1)), { code: 'state', message: /was deleted while it was in use/ })
    new Database(path).exec('create table x (y)').close()
    await assert.rejects(sink.commit(checkpoint(1)), { code: 'state', message: /was replaced while it was in use/ })
  })

  test(`${type}: only the owner may read a file that it makes, in a folder that it makes`, async t => {
    const path = join(tempFolder(t), 'deep', 'down', 'out.db')
    await openSink(t, definition, config(path), input)
    assert.ok(existsSync(path))
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  test(
    `${type}: processes that are killed at any moment lose and repeat nothing`,
    { timeout: 6_000 * kills },
    async t => {
      const path = join(tempFolder(t), 'out.db')
      const random = generator(20)
      let published = 0
      for (let kill = 0; kill < kills; kill++) {
        const remote = startRemote(t, { sink: type, config: config(path) })
        for (let some = random(4); some >= 0; some--) await remote.next(random(2) === 0 ? 'staged' : 'committed')
        // the commit that is under way takes about as long
        await delay(random(6))
        await remote.kill()
        const epoch = publishedEpoch(path)
        assert.ok(epoch >= published, `epoch ${published} was published, and now ${epoch} is`)
        published = epoch
        assertIs(path, epoch)
      }
      const last = startRemote(t, { sink: type, config: config(path), until: published + 1 })
      await last.next('committed')
      await last.ended()
      assertIs(path, published + 1)
      assert.deepEqual(query(path, 'pragma integrity_check'), [{ integrity_check: 'ok' }])
    },
  )

  test(`${type}: tables that were dropped below a published position are an error until reset`, async t => {
    const path = join(tempFolder(t), 'out.db')
    await (await openPublished(t, path)).close()
    const db = new Database(path)
    const tables = db
      .prepare<[], string>("select name from sqlite_schema where type = 'table' and name <> '_millrace_positions'")
      .pluck()
      .all()
    for (const table of tables) db.exec(`drop table "${table}"`)
    db.close()
    // twice: the first try must not make what the second would then take for whole
    for (const _ of [1, 2]) {
      const { sink } = await openSink(t, definition, config(path), input)
      await assert.rejects(sink.begin(), { code: 'state', message: /start again with --reset/ })
      await sink.close()
    }
    const { sink } = await openSink(t, definition, config(path), input)
    await sink.reset()
    assert.equal(await sink.begin(), undefined)
    await publish(sink, 1)
    assertIs(path, 1)
  })

  test(`${type}: a sink that was published goes on in its table alone, until reset`, async t => {
    const path = join(tempFolder(t), 'out.db')
    await (await openPublished(t, path)).close()
    // twice: the first try must not make what the second would then take for its own
    for (const _ of [1, 2]) {
      const { sink } = await openSink(t, definition, config(path, 'elsewhere'), input)
      await assert.rejects(sink.begin(), {
        code: 'state',
        message:
          /sink 'out' was published to table "\w+", and its configuration now says "elsewhere": name the old one/,
      })
      await sink.close()
    }
    assert.deepEqual(query(path, "select name from sqlite_schema where name = 'elsewhere'"), [])
    const same = await openSink(t, definition, config(path), input)
    assert.deepEqual(await same.sink.begin(), checkpoint(1))
    await same.sink.close()
    const moved = await openSink(t, definition, config(path, 'elsewhere'), input)
    await moved.sink.reset()
    assert.equal(await moved.sink.begin(), undefined)
    await publish(moved.sink, 1)
    assert.ok(query(path, 'select * from elsewhere').length > 0)
    assertIs(path, 1)
  })

  test(`${type}: another sink begins anew in another table of the file`, async t => {
    const path = join(tempFolder(t), 'out.db')
    const first = await openSink(t, definition, config(path), input)
    await first.sink.begin()
    await first.sink.commit(checkpoint(1))
    const { sink } = await openSink(t, definition, config(path, 'elsewhere'), input, watched({ name: 'renamed' }))
    assert.equal(await sink.begin(), undefined)
  })

  test(`${type}: a position of a version that kept no table is taken, and gets it with the next commit`, async t => {
    const path = join(tempFolder(t), 'out.db')
    await (await openPublished(t, path)).close()
    execute(path, "update _millrace_positions set checkpoint = json_remove(checkpoint, '$.table')")
    const next = await openSink(t, definition, config(path), input)
    assert.deepEqual(await next.sink.begin(), checkpoint(1))
    await publish(next.sink, 2)
    assertIs(path, 2)
    const { sink } = await openSink(t, definition, config(path, 'elsewhere'), input)
    await assert.rejects(sink.begin(), { code: 'state', message: /was published to table/ })
  })

  for (const [what, place, message] of hopelessPaths)
    test(`${type}: ${what} is refused at once, by check and by open`, async t => {
      const folder = tempFolder(t)
      writeFileSync(join(folder, 'notes.txt'), 'no folder')
      symlinkSync(join(folder, 'unmounted'), join(folder, 'link'))
      const parsed = definition.config.parse({ from: 'rows', ...config(place(folder)) })
      const refusal = { code: 'bad_pipeline', path: ['path'], message }
      await assert.rejects(definition.check(parsed, input, watched()), refusal)
      await assert.rejects(definition.open(parsed, input, watched()), refusal)
      assert.deepEqual(readdirSync(folder).sort(), ['link', 'notes.txt'])
    })

  test(`${type}: a folder, another file and the store of a gateway are refused`, async t => {
    const folder = tempFolder(t)
    const text = join(folder, 'notes.txt')
    writeFileSync(text, 'this is no database, and long enough to be taken for one: '.repeat(10))
    const store = join(folder, 'millrace.db')
    await (await openStore(`sqlite:${store}`)).close()
    const parse = (path: string) => definition.config.parse({ from: 'rows', ...config(path) })
    for (const [path, message] of [
      [folder, /no regular file|cannot be opened/],
      [text, /no SQLite database/],
      [store, /is the store of a gateway/],
    ] as const) {
      await assert.rejects(definition.check(parse(path), input, watched()), { code: 'bad_pipeline', message })
      await assert.rejects(definition.open(parse(path), input, watched()), { message })
    }
    assert.deepEqual(query(store, "select name from sqlite_schema where name like '\\_millrace%' escape '\\'"), [])
  })

  test(`${type}: check writes nothing`, async t => {
    const folder = tempFolder(t)
    const path = join(folder, 'not', 'yet', 'out.db')
    await definition.check(definition.config.parse({ from: 'rows', ...config(path) }), input, watched())
    assert.ok(!existsSync(join(folder, 'not')))
  })
}

function publishedEpoch(path: string): number {
  // killed before its tables were made
  const tables = existsSync(path) ? query(path, "select 1 from sqlite_schema where name = '_millrace_positions'") : []
  if (tables.length === 0) return 0
  return Number(query(path, 'select max(epoch) as epoch from _millrace_positions')[0]!.epoch ?? 0)
}
