import type { Hono } from 'hono'
import { mediaType } from '../../core/protocol.ts'
import type { AppDeps, Env } from '../context.ts'

/** `GET /` without an Upgrade: what this is, for somebody who opened the URL. */
export function root(app: Hono<Env>, deps: AppDeps): void {
  app.get('/', c =>
    c.text(
      `Millrace: an event gateway. A count, a 200 or an OK goes out only after the events are on disk.

Send:  curl ${deps.url()}/ --data-binary '{"hello":"world"}'
Or:    a WebSocket to ${deps.url().replace(/^http/, 'ws')}/, one JSON value a message, answered with the count stored
Look:  curl ${deps.url()}/v1/streams
`,
      200,
      { 'content-type': mediaType.text },
    ),
  )
}
