import { createInterface } from 'node:readline'
import { connect } from '../../../clients/ts/src/client.ts'
import { fileSpool } from '../../../clients/ts/src/file.ts'
import { eventOf, eventText } from './events.ts'
import type { ProducerConfig } from './lanes.ts'
import { openLedger } from './ledger.ts'

/**
 * A program that sends numbered events through the client, and keeps a ledger. Lines on stdin: a number, up to which it may
 * send by now; `die`, to send one more and end by SIGKILL right after. It prints what the spool held, and once all is acknowledged
 * what the client counted; it fails where the client reports what must not happen here.
 */

/** milliseconds, for what waits for its ack when all is sent */
const patience = 60_000
/** `send` calls until others may run */
const burst = 32

const config = JSON.parse(process.argv[2]!) as ProducerConfig
const client = connect({
  url: config.url,
  stream: config.key,
  transport: config.transport,
  spool: config.spool === '' ? undefined : fileSpool(config.spool),
  maxBytes: config.maxBytes,
  batchBytes: config.batchBytes,
  ackTimeoutMs: 1000,
  connectTimeoutMs: 1000,
  retryMinMs: 20,
  retryMaxMs: 200,
})
client.on('error', ({ error, fatal }) => {
  // every other one is of a connection
  if (fatal || ['foreign', 'regressed', 'spool', 'invalid'].includes(error.code))
    give(`${error.code}: ${error.message}`)
})
client.on('drop', ({ reason, events }) => give(`dropped ${events} events: ${reason}`))

process.stdout.write(`${JSON.stringify({ found: client.stats().pending })}\n`)

let allowed = 0
let dying = false
let wake = () => {}
const orders = createInterface({ input: process.stdin })
orders.on('line', line => {
  if (line === 'die') dying = true
  else allowed = Number(line)
  wake()
})
// nobody is there any more who would end this process
orders.on('close', () => process.exit(3))

const ledger = openLedger(config.ledger)
for (let n = ledger.next; n < config.events; n++) {
  while (n >= allowed && !dying)
    await new Promise<void>(resolve => {
      wake = resolve
    })
  ledger.trying(n)
  while (n !== config.skip && !send(n)) await client.ready()
  if (dying) {
    ledger.mark('certain')
    process.kill(process.pid, 'SIGKILL')
  }
  if (n % burst === 0) await new Promise(setImmediate)
}
await client.flush({ timeout: patience })
const { pending } = await client.close({ timeout: patience })
if (pending > 0) give(`${pending} events are left after close`)
ledger.mark('flushed')
ledger.close()
process.stdout.write(`${JSON.stringify(client.stats())}\n`, () => process.exit(0))

/** both ways in take turns */
function send(n: number): boolean {
  return n % 2 === 0 ? client.send(eventOf(config.key, n)) : client.sendJson(eventText(config.key, n))
}

function give(why: string): never {
  process.stderr.write(`${why}\n${JSON.stringify(client.stats())}\n`)
  process.exit(1)
}
