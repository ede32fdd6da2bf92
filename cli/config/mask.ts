const masked = '***'

/** A setting as it may be shown: passwords in URLs and whatever is called a secret are hidden. Paths of files stay. */
export function mask(path: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => mask(path, item))
  if (typeof value !== 'string') return value
  if (path.startsWith('http_secret_value.')) return masked
  if (/(^|[._])(token|secret|password|passphrase|api_key|private_key)s?$/.test(path)) return masked
  return maskUrl(value)
}

/**
 * `postgres://user:pw@host/db?password=pw` without the passwords, also one that should have been percent-encoded; text
 * that is no URL stays as it is.
 */
export function maskUrl(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/?#@]*):(?:[^/?#]*|.*)@/i, `$1:${masked}@`)
    .replace(/([?&](?:[^=&#]*(?:password|secret|token|key|passphrase)[^=&#]*)=)[^&#]*/gi, `$1${masked}`)
}
