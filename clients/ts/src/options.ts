import type { Target } from './link.ts'
import type { ConnectOptions } from './types.ts'

type Optional = 'token' | 'stream' | 'epoch' | 'spool' | 'metric' | 'WebSocket'
export type Config = Required<Omit<ConnectOptions, Optional>> & Pick<ConnectOptions, Optional>

/** Throws a TypeError where an option is not of its kind. */
export function configOf(options: ConnectOptions): Config {
  const url = new URL(options.url)
  url.protocol = url.protocol.replace('ws', 'http')
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`url: ${options.url} is neither http(s) nor ws(s)`)
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
    gzip: false,
    ackTimeoutMs: 20_000,
    connectTimeoutMs: 10_000,
    retryMinMs: 100,
    retryMaxMs: 30_000,
    fetch: globalThis.fetch.bind(globalThis),
    WebSocket: globalThis.WebSocket,
    ...given(options),
    url,
  }
  if (config.gzip || config.WebSocket === undefined) config.transport = 'post'
  for (const [name, value] of Object.entries(config))
    if (typeof value === 'number' && !(value >= 0)) throw new TypeError(`${name}: ${value} is no number of at least 0`)
  if (config.stream !== undefined && !isKey(config.stream))
    throw new TypeError(`stream: ${JSON.stringify(config.stream)} is no key (1 to 256 bytes, no control characters)`)
  return config
}

const mebi = 1024 * 1024

/** Without what is `undefined`, so that it does not hide a default. */
function given(options: ConnectOptions): ConnectOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as ConnectOptions
}

function isKey(key: string): boolean {
  const bytes = new TextEncoder().encode(key).length
  return bytes > 0 && bytes <= 256 && !/[\0-\x1f\x7f]/.test(key) && key !== '.' && key !== '..'
}

/** Workers say that they are Node, but their WebSocket is the standard one. */
const takesHeaders = () =>
  globalThis.process?.versions?.node !== undefined && globalThis.navigator?.userAgent !== 'Cloudflare-Workers'

export function targetOf(config: Config, key: string, epoch: number, token: string | undefined): Target {
  const headers = takesHeaders() && config.WebSocket === globalThis.WebSocket
  const { url, WebSocket, onRefused } = config
  return { ...config, url: url as URL, WebSocket, key, epoch, token, headers, deadLetters: onRefused === 'dead_letter' }
}
