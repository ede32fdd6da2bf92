import { validateHeaderName, validateHeaderValue } from 'node:http'
import { PipelineError } from '../../runtime/errors.ts'
import type { Settings } from '../../settings.ts'

/** Lower-case names. */
export type Headers = Readonly<Record<string, string>>

/** What the connection itself decides. */
const own = ['connection', 'content-length', 'expect', 'transfer-encoding', 'upgrade']

export interface HeaderConfig {
  headers: Headers
  secret_name?: string | undefined
}

/**
 * The headers of every request of a node. Throws `bad_pipeline` for those that HTTP cannot carry, those in `reserved`,
 * which the node sets itself, and a secret that the settings do not have. A message never has the value of one.
 */
export function requestHeaders(config: HeaderConfig, settings: Settings, reserved: readonly string[] = []): Headers {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'millrace',
    'accept-encoding': 'identity',
  }
  for (const [name, value] of Object.entries(config.headers)) {
    const path = ['headers', name]
    if ([...own, ...reserved].includes(name.toLowerCase()))
      throw new PipelineError('bad_pipeline', `header '${name}' is set by the node itself: leave it out`, { path })
    headers[name.toLowerCase()] = checked(name, value, path)
  }
  if (config.secret_name !== undefined) {
    const path = ['secret_name']
    const name = secretOf(settings, 'http_secret_header', config.secret_name, path)
    const value = secretOf(settings, 'http_secret_value', config.secret_name, path)
    headers[name.toLowerCase()] = checked(name, value, path)
  }
  return headers
}

/** An entry of the secrets in the settings, whose names come in lower case where the environment gives them. */
export function secretOf(
  settings: Settings,
  setting: 'http_secret_header' | 'http_secret_value',
  name: string,
  path: readonly PropertyKey[],
): string {
  const entries = settings[setting]
  const found = Object.hasOwn(entries, name) ? entries[name] : entries[name.toLowerCase()]
  if (typeof found === 'string' && found !== '') return found
  const variable = `MILLRACE__${setting.toUpperCase()}__${name.toUpperCase()}`
  throw new PipelineError('bad_pipeline', `the settings have no ${setting}.${name}: set it, or ${variable}`, { path })
}

function checked(name: string, value: string, path: readonly PropertyKey[]): string {
  try {
    validateHeaderName(name)
  } catch {
    throw new PipelineError('bad_pipeline', `${JSON.stringify(name)} is no name of an HTTP header`, { path })
  }
  try {
    validateHeaderValue(name, value)
  } catch {
    throw new PipelineError('bad_pipeline', `the value of header '${name}' has characters that HTTP cannot carry`, {
      path,
    })
  }
  return value
}
