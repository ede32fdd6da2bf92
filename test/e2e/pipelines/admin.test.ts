import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../support/gateway.ts'
import { ask } from '../../support/http.ts'
import { ndjson, pipelineFolder, until } from '../../support/pipeline.ts'
import { parsePrometheus } from '../../support/prometheus.ts'
import { startService } from '../../support/service.ts'

/** `--admin`. */

async function watched(t: TestContext) {
  const folder = pipelineFolder(t)
  let status = 200
  const service = await startService(() => status, t)
  folder.write('in.ndjson', ndjson([{ id: 1 }, { id: 2 }, { id: 3 }]))
  folder.write(
    'watched.yaml',
    `
sources:
  raw_events:
    type: file
    path: in.ndjson
    primary_key: id
    telemetry:
      labels:
        tier: critical
        dataset: app.events
        team: "plat\\"form\\\\1"
transforms:
  kept: { type: script, from: raw_events, script: "function process(row) { if (row.id === 2) throw 'no'; return row.id === 3 ? null : row }" }
sinks:
  told: { type: webhook, from: kept, url: "${service.url}" }
`,
  )
  const run = folder.start(['run', 'watched.yaml', '--admin', '127.0.0.1:0'], {
    MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.05',
  })
  const [, url] = await run.said(/admin on (http:\S+)/)
  return {
    folder,
    run,
    url: url!,
    fail: () => {
      status = 503
    },
    mend: () => {
      status = 200
    },
    /** the families of /metrics, once the status of a second has the epoch */
    async metrics(epoch: number) {
      let families = parsePrometheus('')
      await until(`epoch ${epoch} in /metrics`, async () => {
        const answer = await ask(`${url}/metrics`)
        assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
        families = parsePrometheus(answer.body)
        return (families.get('millrace_pipeline_epoch')?.samples[0]?.value ?? 0) >= epoch
      })
      return families
    },
  }
}

test('metrics of each node with its labels, in the strict format', async t => {
  const { run, metrics } = await watched(t)
  const families = await metrics(1)
  const of = (name: string, node: string) => families.get(name)?.samples.find(({ labels }) => labels.node === node)
  assert.deepEqual(of('millrace_pipeline_node_rows_out_total', 'raw_events')?.labels, {
    pipeline: 'watched',
    node: 'raw_events',
    kind: 'source',
    type: 'file',
    tier: 'critical',
    dataset: 'app.events',
    team: 'plat"form\\1',
  })
  const values = (node: string) =>
    ['rows_in', 'rows_out', 'dropped', 'dead'].map(name => of(`millrace_pipeline_node_${name}_total`, node)?.value)
  assert.deepEqual(values('raw_events'), [0, 3, 0, 0])
  assert.deepEqual(values('kept'), [3, 1, 1, 1])
  assert.deepEqual(values('told'), [1, 0, 0, 0])
  const pipeline = (name: string) => families.get(`millrace_pipeline_${name}`)?.samples[0]?.value
  assert.deepEqual([pipeline('up'), pipeline('dead_letters'), pipeline('restarts_total')], [1, 1, 0])
  assert.equal((await run.end()).code, 0)
})

test('ready and degraded: 503 with the name while a node tries again, 200 once it is through', async t => {
  const { folder, run, url, fail, mend, metrics } = await watched(t)
  await metrics(1)
  assert.deepEqual([(await ask(`${url}/readyz`)).status, (await ask(`${url}/readyz`)).body], [200, 'ok\n'])
  fail()
  folder.append('in.ndjson', ndjson([{ id: 4 }]))
  await until('503 of /readyz', async () => (await ask(`${url}/readyz`)).status === 503)
  assert.equal((await ask(`${url}/readyz`)).body, 'watched degraded\n')
  assert.equal((await ask(`${url}/healthz`)).status, 200, 'it is alive all the same')
  const degraded = (await ask(`${url}/metrics`)).body.match(/^millrace_pipeline_node_degraded\{.* 1$/gm)
  assert.match(degraded?.join() ?? '', /^[^,]*,node="told",[^,]*,type="webhook"\} 1$/)
  mend()
  await until('200 of /readyz', async () => (await ask(`${url}/readyz`)).status === 200)
  const { code, stderr } = await run.end()
  assert.equal(code, 0, stderr)
  assert.match(stderr, /told: .*503.*trying again/)
})

test('nodes that measure the same, and labels called like ours, leave the format right', async t => {
  const folder = pipelineFolder(t)
  const service = await startService(() => 204, t)
  folder.write('in.ndjson', ndjson([{ id: 1 }]))
  const webhook = `{ type: webhook, from: in, url: "${service.url}", telemetry: { labels: { node: mine, type: mine } } }`
  folder.write(
    'p.yaml',
    `
sources: { in: { type: file, path: in.ndjson, primary_key: id } }
sinks: { one: ${webhook}, two: ${webhook} }
`,
  )
  const run = folder.start(['run', 'p.yaml', '--admin', '127.0.0.1:0'], { MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.05' })
  const [, url] = await run.said(/admin on (http:\S+)/)
  let text = ''
  await until('figures of both', async () => {
    text = (await ask(`${url}/metrics`)).body
    return text.split('http_delivered_rows').length > 2
  })
  const delivered = parsePrometheus(text).get('millrace_pipeline_node_http_delivered_rows_total')
  assert.deepEqual(
    delivered?.samples.map(({ labels, value }) => [labels.node, value]),
    [
      ['one', 1],
      ['two', 1],
    ],
  )
})

test('/pipelines is the state as JSON; what else is asked is refused with what there is', async t => {
  const { run, url, metrics } = await watched(t)
  await metrics(1)
  const [report] = JSON.parse((await ask(`${url}/pipelines`)).body)
  assert.deepEqual(
    [
      report.file,
      report.info.name,
      report.state,
      report.error,
      report.info.nodes.map(({ name }: { name: string }) => name),
    ],
    ['watched.yaml', 'watched', 'running', null, ['raw_events', 'kept', 'told']],
  )
  assert.equal(report.status.deadLetters, 1)
  const wrong = await ask(`${url}/nowhere`)
  assert.equal(wrong.status, 404)
  assert.match(wrong.body, /\/healthz, \/readyz, \/metrics and \/pipelines/)
  assert.equal((await ask(`${url}/metrics`, { method: 'POST', body: 'x' })).status, 405)
  assert.equal((await run.end()).code, 0)
})

test('a path that is no URL is refused, and the pipeline goes on', async t => {
  const { run, url } = await watched(t)
  await assert.doesNotReject(ask(`${url}//`))
  assert.equal((await run.end()).code, 0)
})

test('a port that is taken ends the run before any row is read', async t => {
  const folder = pipelineFolder(t)
  const { port } = await startService(() => 204, t)
  folder.write('in.ndjson', ndjson([{ id: 1 }]))
  folder.write(
    'p.yaml',
    'sources: { in: { type: file, path: in.ndjson } }\nsinks: { out: { type: print, from: in } }\n',
  )
  const { code, stdout, stderr } = await folder.millrace(['run', 'p.yaml', '--admin', `${port}`], {}, 4000)
  assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} for --admin`))
  assert.deepEqual([code, stdout], [1, ''])
})

test('admin_api_port of the model opens it, too', async t => {
  const folder = pipelineFolder(t)
  folder.write('in.ndjson', ndjson([{ id: 1 }]))
  folder.write(
    'p.yaml',
    'sources: { in: { type: file, path: in.ndjson } }\nsinks: { out: { type: blackhole, from: in } }\n',
  )
  const port = await freePort()
  const run = folder.start(['run', 'p.yaml'], { STREAMLING__ADMIN_API_PORT: String(port) })
  await run.said(new RegExp(`admin on http://127\\.0\\.0\\.1:${port}$`, 'm'))
  assert.equal((await ask(`http://127.0.0.1:${port}/healthz`)).status, 200)
  assert.equal((await run.end()).code, 0)
})
