import type { Server } from './keys.ts'

/**
 * `http://user:password@host` as user and password, which the client would take from there with a warning on stderr.
 * Those of the settings go first: a user other than `default`, and a password. The password of a URL is that of its user.
 */
export function signedIn<S extends Server>(server: S): S {
  const url = new URL(server.url)
  const there = { user: decoded(url.username), password: decoded(url.password) }
  if (there.user === '' && there.password === '') return server
  url.username = ''
  url.password = ''
  const user = server.user === 'default' ? there.user || server.user : server.user
  const isTheirs = there.user === '' || there.user === user
  return { ...server, url: url.href, user, password: server.password || (isTheirs ? there.password : '') }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // a % of its own
    return text
  }
}
