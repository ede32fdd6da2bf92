import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** Who may import whom (DESIGN 7), proved from the sources. */

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const tops = ['core', 'gateway', 'jobs', 'cli', 'clients', 'infra', 'test']

const isSource = (path: string) => path.endsWith('.ts') && !path.includes('node_modules')
const files = tops
  .filter(top => existsSync(join(root, top)))
  .flatMap(top => readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map(name => join(top, name)))
  .filter(isSource)
const isTest = (file: string) => /\.(test|suite|bench)\.ts$/.test(file) || file.startsWith('test/')

interface Import {
  from: string
  /** relative to the root, or the bare name */
  to: string
  own: boolean
  typeOnly: boolean
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/^\s*\*.*$|\/\/.*$/gm, '')
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+\s+from\s+)?'([^']+)'|import\('([^']+)'\)/g,
  )
  return [...found].map(match => {
    const to = match[2] ?? match[3] ?? ''
    const own = to.startsWith('.')
    return {
      from: file,
      to: own ? relative(root, resolve(root, dirname(file), to)) : to,
      own,
      typeOnly: match[1] !== undefined,
    }
  })
}

const imports = files.flatMap(importsOf)
const sources = imports.filter(({ from }) => !isTest(from))
const show = (list: Import[]) => list.map(({ from, to }) => `${from} imports ${to}`)

/** For each part: which other parts of ours it may import. */
const allowed: Record<string, RegExp> = {
  core: /^core\//,
  gateway: /^(core|gateway)\//,
  jobs: /^(core\/|jobs\/|gateway\/store\/(store|index)\.ts$)/,
  cli: /^(core|gateway|jobs|cli|clients\/ts)\//,
}

for (const [part, may] of Object.entries(allowed))
  test(`${part} imports only what it may`, () => {
    assert.deepEqual(show(sources.filter(i => i.own && i.from.startsWith(`${part}/`) && !may.test(i.to))), [])
  })

test('a client library imports nothing of ours, and no package', () => {
  const own = sources.filter(i => i.from.startsWith('clients/ts/src/'))
  const outside = own.filter(i => (i.own ? !i.to.startsWith('clients/ts/src/') : !i.to.startsWith('node:')))
  assert.deepEqual(show(outside), [])
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, 'clients/ts/package.json'), 'utf8'))
  assert.deepEqual(dependencies, {})
})

test("the client's core knows no Node, so that it runs anywhere", () => {
  const reached = new Set<string>()
  const walk = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    for (const { to, own } of importsOf(file)) {
      assert.ok(own, `${file} imports ${to}`)
      walk(to)
    }
  }
  walk('clients/ts/src/client.ts')
})

test('core knows neither Node nor Hono', () => {
  assert.deepEqual(
    show(sources.filter(i => i.from.startsWith('core/') && (/^node:/.test(i.to) || /^hono|^@hono/.test(i.to)))),
    [],
  )
})

test('routes speak web standards: node: stays in entries, stores, jobs and the command line', () => {
  const may = /^(gateway\/(main\.node\.ts|node\/|store\/)|jobs\/|cli\/|infra\/|clients\/)/
  assert.deepEqual(show(sources.filter(i => /^node:/.test(i.to) && !may.test(i.from))), [])
})

test('routes do not import each other, but for the registry', () => {
  const between = sources.filter(
    i =>
      i.own &&
      i.from.startsWith('gateway/routes/') &&
      i.to.startsWith('gateway/routes/') &&
      !i.from.endsWith('/index.ts'),
  )
  assert.deepEqual(show(between), [])
})

test('stores do not import each other', () => {
  const room = (path: string) => /^gateway\/store\/([\w-]+)\//.exec(path)?.[1]
  const between = sources.filter(
    i => i.own && room(i.from) !== undefined && room(i.to) !== undefined && room(i.from) !== room(i.to),
  )
  assert.deepEqual(show(between), [])
})

test('every route and every store is in its registry', () => {
  const registry = readFileSync(join(root, 'gateway/routes/index.ts'), 'utf8')
  for (const name of readdirSync(join(root, 'gateway/routes')))
    if (name !== 'index.ts' && !name.includes('.test.'))
      assert.ok(registry.includes(`./${name}`), `${name} is not in gateway/routes/index.ts`)
  const stores = readFileSync(join(root, 'gateway/store/index.ts'), 'utf8')
  for (const entry of readdirSync(join(root, 'gateway/store'), { withFileTypes: true }))
    if (entry.isDirectory())
      assert.ok(stores.includes(`./${entry.name}/`), `${entry.name} is not in gateway/store/index.ts`)
})

const kinds = ['sources', 'transforms', 'sinks']
const roomOfJobs = (path: string) => /^jobs\/(sources|transforms|sinks|state)\/([\w-]+)\//.exec(path)?.[0]

test('nodes of pipelines do not import each other', () => {
  const between = sources.filter(
    i =>
      i.own &&
      roomOfJobs(i.from) !== undefined &&
      roomOfJobs(i.to) !== undefined &&
      roomOfJobs(i.from) !== roomOfJobs(i.to),
  )
  assert.deepEqual(show(between), [])
})

test('drivers know no nodes', () => {
  const upward = sources.filter(
    i =>
      i.own &&
      i.from.startsWith('jobs/drivers/') &&
      !/^(core\/|jobs\/(drivers|runtime)\/|jobs\/settings\.ts$)/.test(i.to),
  )
  assert.deepEqual(show(upward), [])
})

test('every node of pipelines is in its registry, and has a README and a test', () => {
  for (const kind of kinds) {
    const registry = readFileSync(join(root, 'jobs', kind, 'index.ts'), 'utf8')
    for (const entry of readdirSync(join(root, 'jobs', kind), { withFileTypes: true })) {
      if (!entry.isDirectory()) continue
      const folder = join(root, 'jobs', kind, entry.name)
      assert.ok(registry.includes(`./${entry.name}/`), `${entry.name} is not in jobs/${kind}/index.ts`)
      assert.ok(existsSync(join(folder, 'README.md')), `jobs/${kind}/${entry.name} has no README.md`)
      const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      assert.ok(
        names.some(name => name.endsWith('.test.ts')),
        `jobs/${kind}/${entry.name} has no test`,
      )
    }
  }
})

test('every store runs the suite', () => {
  for (const entry of readdirSync(join(root, 'gateway/store'), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const text = readFileSync(join(root, 'gateway/store', entry.name, `${entry.name}.test.ts`), 'utf8')
    assert.match(text, /storeSuite\(/)
  }
})

test('every state backend runs the suite', () => {
  for (const entry of readdirSync(join(root, 'jobs/state'), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const text = readFileSync(join(root, 'jobs/state', entry.name, `${entry.name}.test.ts`), 'utf8')
    assert.match(text, /stateSuite\(/)
  }
})

test('nothing imports in a circle', () => {
  const next = new Map<string, string[]>()
  for (const { from, to, own, typeOnly } of sources)
    if (own && !typeOnly) next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const walk = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), `a circle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
    if (done.has(file)) return
    for (const to of next.get(file) ?? []) walk(to, [...path, file])
    done.add(file)
  }
  for (const file of next.keys()) walk(file, [])
})

test('no file is longer than 500 lines, and half of them at most 100', () => {
  const lines = files.map(file => ({ file, count: readFileSync(join(root, file), 'utf8').split('\n').length }))
  assert.deepEqual(
    lines.filter(({ count }) => count > 500),
    [],
  )
  const sorted = lines.map(({ count }) => count).sort((a, b) => a - b)
  assert.ok(sorted[sorted.length >> 1]! <= 100, `the median is ${sorted[sorted.length >> 1]} lines`)
})

test('imports name the file with its ending', () => {
  assert.deepEqual(show(imports.filter(i => i.own && !/\.(ts|js|json)$/.test(i.to))), [])
})

test('serving loads no package that it does not need', () => {
  const reached = new Set<string>()
  const packages = new Set<string>()
  const walk = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    for (const { to, own, typeOnly } of importsOf(file)) {
      if (typeOnly) continue
      if (own) walk(to)
      else if (!to.startsWith('node:')) packages.add(to)
    }
  }
  walk('gateway/main.node.ts')
  assert.deepEqual([...packages].sort(), ['@hono/node-server', 'better-sqlite3', 'hono', 'pg', 'pg-copy-streams', 'ws'])
})
