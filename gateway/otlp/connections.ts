import { uuid7 } from '../../core/id.ts'
import type { Identity } from '../auth.ts'

/** The streams of connections whose requests name none: one for each tenant that speaks on a connection. */
export interface Connections {
  streamOf(request: { connection: object; identity: Identity }): OwnStream
  /** The connection is gone: its streams are closed. */
  gone(connection: object): void
}

export interface OwnStream {
  readonly key: string
  /** as far as it is known */
  readonly count: number
  stored(streamId: number, count: number): void
}

interface Own extends OwnStream {
  /** Nobody sends any more; what is on its way is closed once it is stored. */
  end(): void
}

export function createConnections(close: (streamId: number, at: number) => void): Connections {
  const known = new WeakMap<object, Map<string, Own>>()

  function open(): Own {
    let streamId = 0
    let count = 0
    let gone = false
    return {
      key: uuid7(),
      get count() {
        return count
      },
      stored(id, counted) {
        streamId = id
        count = Math.max(count, counted)
        if (gone) close(streamId, Date.now() * 1000)
      },
      end() {
        gone = true
        if (streamId !== 0) close(streamId, Date.now() * 1000)
      },
    }
  }

  return {
    streamOf({ connection, identity }) {
      let streams = known.get(connection)
      if (streams === undefined) known.set(connection, (streams = new Map()))
      let stream = streams.get(identity.tenant)
      if (stream === undefined) streams.set(identity.tenant, (stream = open()))
      return stream
    },
    gone(connection) {
      for (const stream of known.get(connection)?.values() ?? []) stream.end()
      known.delete(connection)
    },
  }
}
