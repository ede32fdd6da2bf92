import type { Target } from './link.ts'
import type { ConnectOptions } from './types.ts'

type Optional = 'token' | 'stream' | 'epoch' | 'spool' | 'metric' | 'WebSocket'
export type Config = Required<Omit<ConnectOptions, Optional | 'url'>> & Pick<ConnectOptions, Optional> & { url: URL }

const mebi = 1024 * 1024
const choices: Record<string, string> = {
  transport: 'auto websocket post',
  overflow: 'refuse drop_oldest drop_newest',
  onRefused: 'skip stop dead_letter',
}

/** Throws a TypeError where an option is not of its kind. */
export function configOf(options: ConnectOptions): Config {
  const url = new URL(options.url)
  url.protocol = url.protocol.replace('ws', 'http')
  const config: Config = {
    replay: false,
    append: false,
    transport: 'auto',
    overflow: 'refuse',
    onRefused: 'skip',
    maxBytes: 64 * mebi,
    maxEventBytes: 16 * mebi,
    batchBytes: mebi / 16,
    batchMs: 10,
    windowBytes: 4 * mebi,
    ackTimeoutMs: 20_000,
    connectTimeoutMs: 10_000,
    retryMinMs: 100,
    retryMaxMs: 30_000,
    fetch: globalThis.fetch.bind(globalThis),
    WebSocket: globalThis.WebSocket,
    url,
  }
  const wrong = (name: string, why: string): never => {
    throw new TypeError(`${name}: ${why}`)
  }
  for (const [name, value] of Object.entries(options)) {
    // undefined hides no default
    if (value === undefined || name === 'url') continue
    if (typeof value === 'number' && !(value >= 0)) wrong(name, `${value} is not 0 or more`)
    if (choices[name]?.split(' ').includes(value) === false) wrong(name, `${value} is none of ${choices[name]}`)
    Object.assign(config, { [name]: value })
  }
  const { token, WebSocket } = config
  if (!/^https?:$/.test(url.protocol)) wrong('url', `${options.url} is not http(s) or ws(s)`)
  // what a platform says of a header that it does not take has the token in it
  if (typeof token === 'string' && /[^!-~]/.test(token)) wrong('token', 'no header takes it')
  if (WebSocket === undefined) config.transport = 'post'
  return config
}

export function targetOf(config: Config, key: string, epoch: number, token: string | undefined): Target {
  const { WebSocket, onRefused } = config
  const isWorker = globalThis.navigator?.userAgent === 'Cloudflare-Workers'
  // a page would have to ask leave for them (preflight)
  const headers = isWorker || globalThis.process?.versions?.node !== undefined
  // Deno's fetch and browsers send a POST again by themselves where a kept connection broke
  const resends = !headers || 'Deno' in globalThis
  const socketHeaders = headers && !isWorker && WebSocket === globalThis.WebSocket
  const deadLetters = onRefused === 'dead_letter'
  return { ...config, WebSocket, key, epoch, token, headers, socketHeaders, resends, deadLetters }
}
