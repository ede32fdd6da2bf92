/** What the senders of the client benchmark share. */
export interface ClientSendConfig {
  port: number
  /** events before the clock */
  warm: number
  events: number
}

export interface ClientSendResult {
  eventsPerSecond: number
  /** warm-up included */
  acked: number
  /** share of one core that the sender took */
  cpu: number
}

/** calls until the event loop has its turn, as in a program that does other work too */
export const burst = 1000
