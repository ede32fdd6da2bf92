import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { retry } from '../../runtime/run/retry.ts'
import { random } from './harness.suite.ts'
import { connectRegistry, type Registry } from './registry.ts'
import { kafkaSource } from './settings.ts'

/** What counts as an answer of a schema registry, and what as one of somebody else. */

const apicurio = service('registry')

interface Asked {
  registry: Registry
  /** what was tried again */
  retries: string[]
}

function connect(t: TestContext, url: string): Asked {
  const retries: string[] = []
  const ending = new AbortController()
  t.after(() => ending.abort())
  const { signal } = ending
  const registry = connectRegistry(kafkaSource.parse({ schema_registry_url: url }), 'kafka_source', {
    signal,
    retry: (what, attempt) =>
      retry(what, attempt, { signal, onRetry: message => void retries.push(message), onEnd() {} }),
  })
  return { registry, retries }
}

type Answer = readonly [status: number, body: string]

/** Gives the answers in their order, and the last one for ever. */
async function serve(t: TestContext, ...answers: Answer[]): Promise<string> {
  const left = [...answers]
  const server = createServer((_, response) => {
    const [status, body] = left.length > 1 ? left.shift()! : left[0]!
    response.writeHead(status).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const calls: Record<string, (registry: Registry) => Promise<unknown>> = {
  schema: registry => registry.schema(5),
  latest: registry => registry.latest('some-value'),
  register: registry => registry.register('some-value', 'string'),
  objection: registry => registry.objection('some-value', 'string'),
}
const found: Answer = [200, '{"id":5,"version":1,"schema":"\\"string\\""}']
const page = '<html>\n<body>\nnothing here</body></html>'

for (const code of [40401, 40402, 40403])
  test(`error code ${code} says that something is not there`, async t => {
    const { registry } = connect(t, await serve(t, [404, `{"error_code":${code},"message":"not found"}`]))
    for (const name of ['schema', 'latest', 'objection']) assert.equal(await calls[name]!(registry), undefined)
    await assert.rejects(calls.register!(registry), { code: 'refused', message: /subject some-value cannot be/ })
  })

const foreign: Record<string, string> = {
  'a page': page,
  nothing: '',
  'an error of HTTP': '{"error_code":404,"message":"HTTP 404 Not Found"}',
  'a path that is not known': '{"error_code":0,"message":"Could not find resource"}',
  'an error of a gateway': '{"message":"no Route matched with those values"}',
  'no object': 'null',
}
for (const [what, body] of Object.entries(foreign))
  test(`a first answer with status 404 and ${what} is an error of the URL`, async t => {
    const url = await serve(t, [404, body])
    for (const call of Object.values(calls))
      await assert.rejects(call(connect(t, url).registry), ({ code, message }) => {
        assert.equal(code, 'bad_pipeline')
        assert.ok(message.includes(`schema registry ${url}: status 404 without an error code of a registry (`), message)
        return /: check kafka_source\.schema_registry_url/.test(message)
      })
  })

for (const [what, first] of Object.entries({ found, 'not there': [404, '{"error_code":40401}'] as Answer }))
  test(`a foreign 404 after the registry has answered (${what}) is tried again until it is back`, async t => {
    const url = await serve(t, first, [404, page], [404, ''], found)
    const { registry, retries } = connect(t, url)
    await registry.latest('some-value')
    assert.equal(await registry.schema(5), 'string')
    assert.equal(retries.length, 2)
    assert.equal(
      retries[0],
      `GET ${url}/schemas/ids/5: schema registry ${url}: status 404 without an error code of a registry (<html> <body> nothing here</body></html>): check kafka_source.schema_registry_url, which has the path of the API, too`,
    )
  })

test("a real registry tells what it does not have, and its host alone is no registry's URL", apicurio, async t => {
  const url = apicurio.at.REGISTRY
  const { registry, retries } = connect(t, url)
  const subject = random('nobody-registered')
  assert.equal(await registry.schema(2_000_000_000), undefined)
  assert.equal(await registry.latest(subject), undefined)
  assert.equal(await registry.objection(subject, 'string'), undefined)
  const host = new URL(url).origin
  for (const call of Object.values(calls))
    await assert.rejects(call(connect(t, host).registry), { code: 'bad_pipeline', message: /schema_registry_url/ })
  assert.deepEqual(retries, [])
})
