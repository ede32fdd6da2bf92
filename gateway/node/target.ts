import type { IncomingMessage } from 'node:http'
import { AppError } from '../../core/errors.ts'

/** RFC 3986 section 3.2.2: a name, an IPv4 address, or an IPv6 one in brackets; then a port. */
const validHost = /^([\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(:\d*)?$/i
const absolute = /^https?:\/\/([^/?#]*)(.*)$/i

/** Makes a path of the target of a request (RFC 9112 section 3.2); what is wrong with it or its Host, if anything. */
export function readTarget(incoming: IncomingMessage): AppError | undefined {
  const { rawHeaders, url = '' } = incoming
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') hosts++
  if (hosts > 1 || (hosts === 0 && incoming.httpVersion !== '1.0'))
    return new AppError('bad_request', `the request has ${hosts} Host headers: send one`)
  const { host = '' } = incoming.headers
  if (hosts === 1 && !validHost.test(host))
    return new AppError('bad_request', `the Host ${JSON.stringify(host)} is no name or address with a port`)
  if (url.charCodeAt(0) === 47) return undefined
  const [, authority, path] = absolute.exec(url) ?? []
  if (authority === undefined || path === undefined)
    return new AppError('bad_request', `the request target ${JSON.stringify(url)} is no path: send /v1/events`)
  if (authority.toLowerCase() !== host.toLowerCase())
    return new AppError('bad_request', `the request target names ${authority}, and the Host ${host}: send the same`)
  incoming.url = path.startsWith('/') ? path : `/${path}`
  return undefined
}
