import { SeverityNumber } from '@opentelemetry/api-logs'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { hrTime, scope } from './scope.js'

const base = 1_760_000_000_123_456_789n
const [name, version, options] = scope
const attributes = { 'scope.part': 'basket' }

function createLogger(resource, exporter) {
  // requests are what a flush makes of the records, not a timer
  const processor = new BatchLogRecordProcessor({ exporter, scheduledDelayMillis: 3_600_000 })
  const provider = new LoggerProvider({ resource, processors: [processor] })
  return { provider, logger: provider.getLogger(name, version, { ...options, attributes }) }
}

/** `serving`: a context with a span. */
export async function sendLogs(resource, exporter, serving) {
  const { provider, logger } = createLogger(resource, exporter)
  logger.emit({
    eventName: 'order.placed',
    timestamp: hrTime(base),
    observedTimestamp: hrTime(base + 1n),
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body: 'everything',
    attributes: {
      text: 'naïve ☃ 𝄞 "quoted"\n',
      empty: '',
      flag: true,
      max: Number.MAX_SAFE_INTEGER,
      min: Number.MIN_SAFE_INTEGER,
      half: 1.5,
      whole: 3.0,
      list: ['a', 'b'],
      numbers: [1, 2, 3],
      bytes: new Uint8Array([0, 255, 16]),
      map: { b: [true, 2.5], a: 1 },
    },
  })
  logger.emit({
    timestamp: hrTime(base + 1n),
    observedTimestamp: hrTime(base + 2n),
    severityNumber: SeverityNumber.ERROR2,
    severityText: 'ERROR',
    body: 'in a span',
    context: serving,
  })
  logger.emit({
    timestamp: hrTime(base + 2n),
    observedTimestamp: hrTime(base + 3n),
    body: { b: [true, 2.5], a: 1 },
  })
  // without a time the SDK would give it one
  logger.emit({ timestamp: hrTime(0n), observedTimestamp: hrTime(base + 4n), attributes: { bare: true } })
  for (let i = 0; i < 1000; i++)
    logger.emit({
      timestamp: hrTime(base + 1000n + BigInt(i)),
      observedTimestamp: hrTime(base + 1000n + BigInt(i)),
      severityNumber: SeverityNumber.DEBUG,
      body: `row ${i}`,
    })
  await provider.shutdown()
}

/** Three requests of ten records; resolves with what the exporter made of each. */
export async function sendBatches(resource, exporter) {
  const results = []
  const send = exporter.export.bind(exporter)
  exporter.export = (records, done) =>
    send(records, result => {
      results.push({ ok: result.code === 0, error: result.error?.message })
      done(result)
    })
  const { provider, logger } = createLogger(resource, exporter)
  for (const batch of [0, 1, 2]) {
    for (let i = 0; i < 10; i++) logger.emit({ body: `batch ${batch} row ${i}` })
    // a batch that the gateway refused fails its flush; the next ones go on
    await provider.forceFlush().catch(() => undefined)
  }
  await provider.shutdown()
  return results
}
