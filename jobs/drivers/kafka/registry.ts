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
  /** The Avro schema of an id, asked for once; undefined: there is none. */
  schema(id: number): Promise<unknown>
  /** The newest of a subject; undefined: there is none. */
  latest(subject: string): Promise<Registered | undefined>
  /** The id of the schema under the subject, which gets it where it is new. */
  register(subject: string, schema: unknown): Promise<number>
}

const seconds = 30

export function connectRegistry(
  settings: KafkaConnection,
  section: string,
  context: Pick<NodeContext, 'retry' | 'signal'>,
): Registry {
  const url = settings.schema_registry_url.replace(/\/+$/, '')
  const { schema_registry_username: user, schema_registry_password: password = '' } = settings
  const headers: Record<string, string> = {
    accept: 'application/vnd.schemaregistry.v1+json, application/json',
    ...(user !== undefined && { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }),
  }
  const known = new Map<number, Promise<unknown>>()

  /** The answer as JSON; undefined where there is none (404). */
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
        const isLate = (error as Error).name === 'TimeoutError'
        throw new PipelineError(
          isLate ? 'timeout' : 'unavailable',
          `schema registry: ${isLate ? `no answer within ${seconds} s` : String((error as { cause?: Error }).cause?.message ?? error)}`,
          { cause: error },
        )
      }
      const { status } = response
      const answer = parsed(text)
      if (response.ok && answer !== undefined) return answer
      const told = typeof answer?.message === 'string' ? answer.message : text.slice(0, 200)
      if (status === 404 && (answer === undefined || [40401, 40402, 40403, 404].includes(Number(answer.error_code))))
        return undefined
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
      throw new PipelineError('refused', `schema registry: subject ${subject} cannot be registered: status 404`)
    },
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
