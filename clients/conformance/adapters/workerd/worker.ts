import { createOperations } from '../operations.ts'

/** name and version, put in by the bundler */
declare const RUNTIME: string

/**
 * The TypeScript client in workerd. A WebSocket belongs to the request that opened it, but for those of a Durable
 * Object: one of these holds the client, and each operation is a request to it.
 */
export class Holder {
  #answer = createOperations({ runtime: RUNTIME, spool: undefined })

  async fetch(request: Request): Promise<Response> {
    return Response.json(await this.#answer(await request.json()))
  }
}

interface Env {
  HOLDER: { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }
}

export default {
  fetch: (request: Request, { HOLDER }: Env) => HOLDER.get(HOLDER.idFromName('client')).fetch(request),
}
