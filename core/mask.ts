/** Stands for what is not shown. */
export const masked = '***'

/**
 * `postgres://user:pw@host/db?password=pw` without the passwords, also one that should have been percent-encoded; text
 * that is no URL stays as it is.
 */
export function maskUrl(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/?#@]*):(?:[^/?#]*|.*)@/i, `$1:${masked}@`)
    .replace(/([?&](?:[^=&#]*(?:password|secret|token|key|passphrase)[^=&#]*)=)[^&#]*/gi, `$1${masked}`)
}
