import { type Client, ClientError, type ConnectOptions, connect, type Spool } from '../../ts/src/client.ts'

/** The operations of ADAPTER.md on the TypeScript client, for every runtime. */

export interface Request {
  id: number
  op: string
  options?: Record<string, unknown>
  events?: unknown[]
  texts?: string[]
  from?: number
  to?: number
  pad?: number
  timeout_ms?: number
}

export interface Platform {
  /** `node 24.21.0` */
  runtime: string
  /** undefined where there is none */
  spool: ((folder: string) => Spool) | undefined
}

export function createOperations({ runtime, spool }: Platform) {
  let client: Client | undefined
  let reports: Record<string, unknown>[] = []

  function open(options: Record<string, unknown>): object {
    const { spool: folder, ...rest } = options
    const kept = folder === undefined ? {} : { spool: spool!(String(folder)) }
    // snake case on the wire of the adapter, camel case in the language
    const named = Object.entries(rest).map(([name, value]) => [name.replace(/_(.)/g, (_, c) => c.toUpperCase()), value])
    client = connect({ ...Object.fromEntries(named), ...kept } as ConnectOptions)
    listen(client)
    return {}
  }

  function listen({ on }: Client): void {
    on('ack', ({ count }) => reports.push({ type: 'ack', count }))
    on('drop', ({ reason, events }) => reports.push({ type: 'drop', reason, events }))
    on('state', ({ state }) => reports.push({ type: 'state', state }))
    on('error', ({ error, fatal }) =>
      reports.push({ type: 'error', code: error.code, message: error.message, position: error.position, fatal }),
    )
  }

  function own(): Client {
    if (client === undefined) throw new Error('connect comes first')
    return client
  }

  async function generate(from: number, to: number, pad: number): Promise<number> {
    const text = 'x'.repeat(pad)
    for (let n = from; n < to; n++) while (!own().send({ n, pad: text })) await own().ready()
    return to - from
  }

  async function run(request: Request): Promise<object> {
    const { op, options = {}, events = [], texts = [], from = 0, to = 0, pad = 0, timeout_ms } = request
    switch (op) {
      case 'hello': {
        const features = ['websocket', 'post', ...(spool === undefined ? [] : ['spool'])]
        return { client: 'ts', runtime, features }
      }
      case 'connect':
        return open(options)
      case 'send':
        return { taken: events.map(event => own().send(event)) }
      case 'send_raw':
        return { taken: texts.map(text => own().sendJson(text)) }
      case 'generate':
        return { taken: await generate(from, to, pad) }
      case 'ready':
        await inTime(own().ready(), timeout_ms)
        return {}
      case 'flush':
        await own().flush({ timeout: timeout_ms })
        return {}
      case 'close':
        return own().close({ timeout: timeout_ms })
      case 'stats': {
        const { pendingBytes, ...stats } = own().stats()
        return { stats: { ...stats, pending_bytes: pendingBytes } }
      }
      case 'events': {
        const told = reports
        reports = []
        return { events: told }
      }
      default:
        throw new Error(`there is no operation ${op}`)
    }
  }

  /** Answers one request; never rejects. */
  return async (request: Request): Promise<object> => {
    const { id } = request
    try {
      return { id, ok: true, ...(await run(request)) }
    } catch (error) {
      const { message } = error as Error
      return { id, ok: false, code: error instanceof ClientError ? error.code : 'error', message }
    }
  }
}

async function inTime(promise: Promise<void>, ms: number | undefined): Promise<void> {
  if (ms === undefined) return promise
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ClientError('timeout', `no room after ${ms} ms`)), ms)
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
