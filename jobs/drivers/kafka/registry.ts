import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { KafkaConnection } from './settings.ts'

/** A schema registry with Confluent's API. A value begins with byte 0 and the id of its schema, a big-endian int32. */

export const magicByte = 0
/** of both */
export const headBytes = 5

export interface Registered {
  id: number
  version: number
  /** parsed */
  schema: unknown
}

export interface Registry {
  /** its URL, for messages: without a user or password */
  readonly where: string
  /** The Avro schema of an id, asked for once; undefined: there is none. */
  schema(id: number): Promise<unknown>
  /** The newest of a subject; undefined: there is none. */
  latest(subject: string): Promise<Registered | undefined>
  /** The id of the schema under the subject, which gets it where it is new. */
  register(subject: string, schema: unknown): Promise<number>
  /** Why the newest of the subject does not allow the schema after it; undefined: it does, or there is no subject. */
  objection(subject: string, schema: unknown): Promise<string | undefined>
}

const seconds = 30
/** What fetch says of a URL that it never asks (Fetch Standard, "main fetch" and "HTTP-redirect fetch"). */
const forGood = new Set(['bad port', 'unknown scheme', 'redirect count exceeded'])
/** Codes for a subject, a version and a schema that is not there (Schema Registry API reference, "Errors"). */
const absent = new Set([40401, 40402, 40403])

export function connectRegistry(
  settings: KafkaConnection,
  section: string,
  context: Pick<NodeContext, 'retry' | 'signal'>,
): Registry {
  const { url, user, password } = addressOf(settings, section)
  const headers: Record<string, string> = {
    accept: 'application/vnd.schemaregistry.v1+json, application/json',
    ...(user !== undefined && { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }),
  }
  const known = new Map<number, Promise<unknown>>()
  /** a registry has answered: what comes from others since then passes */
  let isThere = false

  /** The answer as JSON; undefined where the registry says that it has none. */
  function ask(path: string, body?: object): Promise<Record<string, unknown> | undefined> {
    const what = `${body === undefined ? 'GET' : 'POST'} ${url}${path}`
    return context.retry(what, async () => {
      let response: Response
      let text: string
      try {
        response = await fetch(`${url}${path}`, {
          headers:
            body === undefined ? headers : { ...headers, 'content-type': 'application/vnd.schemaregistry.v1+json' },
          ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
          signal: AbortSignal.any([context.signal, AbortSignal.timeout(seconds * 1000)]),
        })
        text = await response.text()
      } catch (error) {
        context.signal.throwIfAborted()
        const why = String((error as { cause?: Error }).cause?.message ?? error)
        if (forGood.has(why))
          throw new PipelineError(
            'bad_pipeline',
            `schema registry ${url}: ${why}: check ${section}.schema_registry_url`,
            {
              cause: error,
            },
          )
        const isLate = (error as Error).name === 'TimeoutError'
        throw new PipelineError(
          isLate ? 'timeout' : 'unavailable',
          `schema registry: ${isLate ? `no answer within ${seconds} s` : why}`,
          { cause: error },
        )
      }
      const { status } = response
      const answer = parsed(text)
      const isAbsent = status === 404 && absent.has(Number(answer?.error_code))
      if (isAbsent || (response.ok && answer)) {
        isThere = true
        return isAbsent ? undefined : answer
      }
      const told = typeof answer?.message === 'string' ? answer.message : text.slice(0, 200).replace(/\s+/g, ' ').trim()
      // of a proxy whose registry is away, or of whatever else is at the URL: it says nothing of schemas
      if (status === 404)
        throw new PipelineError(
          isThere ? 'unavailable' : 'bad_pipeline',
          `schema registry ${url}: status 404 without an error code of a registry (${told || 'no text'}): check ${section}.schema_registry_url, which has the path of the API, too`,
        )
      const fail = (code: 'refused' | 'unavailable', why: string) =>
        new PipelineError(code, `schema registry: status ${status}: ${why}`, {
          ...(status === 429 && { retryAfter: Number(response.headers.get('retry-after')) || undefined }),
        })
      if (status === 401 || status === 403)
        throw fail('refused', `${told}: check ${section}.schema_registry_username and schema_registry_password`)
      if (status >= 500 || status === 429 || status === 408) throw fail('unavailable', told)
      throw fail('refused', told || 'this is no answer of a schema registry')
    })
  }

  function parse(answer: Record<string, unknown>, what: string): unknown {
    if ((answer.schemaType ?? 'AVRO') !== 'AVRO')
      throw new PipelineError('refused', `${what} is of type ${answer.schemaType}: only AVRO is understood`)
    if (Array.isArray(answer.references) && answer.references.length > 0)
      throw new PipelineError(
        'refused',
        `${what} refers to other subjects, which is not supported: register it as one schema`,
      )
    const schema = parsed(String(answer.schema))
    if (schema === undefined) throw new PipelineError('refused', `${what} is no JSON`)
    return schema
  }

  return {
    where: url,
    schema(id) {
      let schema = known.get(id)
      if (schema === undefined) {
        schema = ask(`/schemas/ids/${id}`).then(answer => answer && parse(answer, `schema ${id}`))
        known.set(id, schema)
        schema.then(
          found => found === undefined && known.delete(id),
          () => known.delete(id),
        )
      }
      return schema
    },
    async latest(subject) {
      const answer = await ask(`/subjects/${encodeURIComponent(subject)}/versions/latest`)
      if (answer === undefined) return undefined
      return { id: Number(answer.id), version: Number(answer.version), schema: parse(answer, `subject ${subject}`) }
    },
    async register(subject, schema) {
      const answer = await ask(`/subjects/${encodeURIComponent(subject)}/versions`, { schema: JSON.stringify(schema) })
      if (Number.isInteger(answer?.id)) return answer!.id as number
      throw new PipelineError('refused', `schema registry: subject ${subject} cannot be registered: it gave no id`)
    },
    async objection(subject, schema) {
      const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`
      const answer = await ask(path, { schema: JSON.stringify(schema) })
      if (answer?.is_compatible !== false) return undefined
      const { messages } = answer
      return Array.isArray(messages) && messages.length > 0
        ? messages.join('; ')
        : 'its rules of compatibility forbid it'
    },
  }
}

/** A user in the URL is taken where the settings name none; fetch would refuse it there, and messages would show it. */
function addressOf(settings: KafkaConnection, section: string) {
  const wrong = (why: string) => new PipelineError('bad_pipeline', `${section}.schema_registry_url ${why}`)
  const url = URL.parse(settings.schema_registry_url)
  if (url === null) throw wrong('is no URL: http://HOST:PORT is one')
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw wrong(`begins with ${url.protocol}//, and a registry is asked by http or https`)
  const own = settings.schema_registry_username
  let user: string | undefined
  let password: string
  try {
    user = own ?? (url.username === '' ? undefined : decodeURIComponent(url.username))
    password = settings.schema_registry_password ?? (own === undefined ? decodeURIComponent(url.password) : '')
  } catch {
    throw wrong('has a user or password with a % that begins no byte: write %25, or set schema_registry_username')
  }
  url.username = ''
  url.password = ''
  return { url: url.href.replace(/\/+$/, ''), user, password }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
