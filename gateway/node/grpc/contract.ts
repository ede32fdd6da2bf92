/** What stands between the gRPC server and its services: raw message bytes. Types only. */

export interface GrpcCall {
  /** `package.Service` */
  readonly service: string
  readonly method: string
  /** `:authority` as sent, else '' */
  readonly authority: string
  readonly remoteAddr: string
  readonly connection: GrpcConnection
  /** Metadata by its lower-case name; repeated ones are joined by `, `, `-bin` ones stay base64. */
  header(name: string): string | undefined
  /** All metadata in the order sent, without the pseudo headers; values are Latin-1, as Node hands them out. */
  headers(): Iterable<readonly [string, string]>
  /** Aborts where nobody waits for the answer any more: cancelled, past its deadline, connection lost. */
  readonly signal: AbortSignal
  /** Aborts when the server begins to stop; the call may still end well within the grace. */
  readonly stopping: AbortSignal
}

/** One object for each connection, made for its identity. */
export interface GrpcConnection {
  readonly remoteAddr: string
}

/**
 * Rules for handlers: a GrpcError ends the call with its status, any other throw is INTERNAL and logged. Messages are
 * inflated, belong to the handler, and count against `maxHeldBytes` until it ends or takes the next one. Calls run
 * concurrently, those of one connection too.
 */
export type GrpcMethod = UnaryMethod | BidiMethod

export interface UnaryMethod {
  kind: 'unary'
  handle(call: GrpcCall, message: Uint8Array<ArrayBuffer>): Promise<Uint8Array>
}

export interface BidiMethod {
  kind: 'bidi'
  /**
   * The stream is closed with OK when it resolves. An unread message stops the peer. `messages` throws a GrpcError once
   * the call is over or the server stops: let it pass. It can be iterated once; leaving the loop does not end the call.
   */
  handle(call: GrpcCall, messages: AsyncIterable<Uint8Array<ArrayBuffer>>, send: Send): Promise<void>
}

/** Resolves when the peer has room for more; rejects with a GrpcError once the call is over. */
export type Send = (message: Uint8Array) => Promise<void>

/** `package.Service` -> method -> what it does */
export type GrpcServices = Readonly<Record<string, Readonly<Record<string, GrpcMethod>>>>
