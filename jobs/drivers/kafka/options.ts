import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from '@platformatic/kafka'
import { PipelineError } from '../../runtime/errors.ts'
import type { KafkaConnection } from './settings.ts'

export interface ClientOptions extends ConnectionOptions {
  clientId: string
  bootstrapBrokers: string[]
}

/** How to connect, from the settings of `section` (kafka_source or kafka_sink), which messages name. */
export function clientOptions(settings: KafkaConnection, section: string): ClientOptions {
  const { security_protocol: protocol } = settings
  const brokers = settings.brokers
    .split(',')
    .map(broker => broker.trim())
    .filter(broker => broker !== '')
  const wrong = brokers.find(broker => !/^(\[[\da-f:]+\]|[^:/\s]+):\d{1,5}$/i.test(broker))
  if (brokers.length === 0 || wrong !== undefined)
    throw new PipelineError('bad_pipeline', `${section}.brokers: ${JSON.stringify(wrong ?? '')} is no HOST:PORT`)
  return {
    clientId: settings.client_id ?? 'millrace',
    bootstrapBrokers: brokers,
    connectTimeout: 10_000,
    requestTimeout: 45_000,
    ...(protocol.endsWith('ssl') && { tls: tlsOf(settings, section), tlsServerName: true }),
    ...(protocol.startsWith('sasl') && { sasl: saslOf(settings, section) }),
  }
}

function tlsOf(settings: KafkaConnection, section: string) {
  const read = (key: 'ssl_ca_location' | 'ssl_certificate_location' | 'ssl_key_location') => {
    const path = settings[key]
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (error) {
      throw new PipelineError(
        'bad_pipeline',
        `${section}.${key}: ${path} cannot be read: ${(error as Error).message}`,
        {
          cause: error,
        },
      )
    }
  }
  const [ca, cert, key] = [read('ssl_ca_location'), read('ssl_certificate_location'), read('ssl_key_location')]
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}

function saslOf(settings: KafkaConnection, section: string) {
  const { sasl_mechanism: mechanism, sasl_username: username, sasl_password: password } = settings
  const needs = (key: string) =>
    new PipelineError('bad_pipeline', `${section}.${key} is not set, and ${settings.security_protocol} needs it`)
  if (mechanism === undefined) throw needs('sasl_mechanism')
  if (mechanism === 'OAUTHBEARER') {
    const url = settings.sasl_oauthbearer_token_url
    if (password === undefined) throw needs('sasl_password')
    return { mechanism, token: url === undefined ? password : tokensOf(url, username ?? '', password) }
  }
  if (username === undefined) throw needs('sasl_username')
  if (password === undefined) throw needs('sasl_password')
  return { mechanism, username, password }
}

/** A token for each connection (RFC 6749, 4.4). */
function tokensOf(url: string, id: string, secret: string): () => Promise<string> {
  return async () => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
      signal: AbortSignal.timeout(30_000),
    })
    const { access_token } = (await response.json().catch(() => ({}))) as { access_token?: unknown }
    if (response.ok && typeof access_token === 'string') return access_token
    throw new Error(`${url} gives no token: status ${response.status}`)
  }
}
