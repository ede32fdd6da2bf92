import { type PipelineCode, PipelineError } from '../../runtime/errors.ts'

/** What an operator does about answers of a broker that a retry does not mend; the rest is retried where Kafka says so. */
const answers: Readonly<Record<string, readonly [PipelineCode, string]>> = {
  SASL_AUTHENTICATION_FAILED: [
    'refused',
    'the broker refuses the user or password: check sasl_username, sasl_password and sasl_mechanism',
  ],
  UNSUPPORTED_SASL_MECHANISM: ['refused', 'the broker does not know this sasl_mechanism'],
  ILLEGAL_SASL_STATE: ['refused', 'the broker wants another security_protocol'],
  TOPIC_AUTHORIZATION_FAILED: [
    'refused',
    'the user may not use the topic: grant READ or WRITE, DESCRIBE and, where it is to be made, CREATE',
  ],
  GROUP_AUTHORIZATION_FAILED: ['refused', 'the user may not join the group: grant READ on it'],
  CLUSTER_AUTHORIZATION_FAILED: ['refused', 'the user may not do this in the cluster'],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [
    'refused',
    'the user may not use the transactional id: grant WRITE and DESCRIBE on it',
  ],
  INVALID_PRODUCER_EPOCH: ['fenced', 'a newer run of this sink took over'],
  PRODUCER_FENCED: ['fenced', 'a newer run of this sink took over'],
  INVALID_PRODUCER_ID_MAPPING: [
    'unavailable',
    'the broker has forgotten this producer, which was idle for days: it begins again',
  ],
  MESSAGE_TOO_LARGE: ['bad_data', 'a message is larger than the topic takes (max.message.bytes)'],
  RECORD_LIST_TOO_LARGE: ['bad_data', 'the messages are more than a segment of the topic holds'],
  INVALID_RECORD: ['bad_data', 'the broker refuses a message: a compacted topic wants a key on each'],
  UNSUPPORTED_VERSION: ['refused', 'the broker is too old: 3.5 or later is needed'],
  UNSUPPORTED_COMPRESSION_TYPE: ['refused', 'the broker does not know this compression'],
  POLICY_VIOLATION: ['refused', 'a policy of the cluster forbids it'],
  INVALID_CONFIG: ['refused', 'a setting of the topic is wrong'],
  INVALID_REPLICATION_FACTOR: ['refused', 'there are fewer brokers than copies are asked for'],
  INVALID_PARTITIONS: ['refused', 'that many partitions are not possible'],
  INVALID_TOPIC_EXCEPTION: ['bad_pipeline', 'this is no name of a topic'],
  INVALID_TRANSACTION_TIMEOUT: [
    'refused',
    'transactions may not last that long: raise transaction.max.timeout.ms of the brokers',
  ],
}

/** Of TLS: another try would end the same way. */
const untrusted = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO)/

interface Cause {
  code?: unknown
  apiId?: unknown
  canRetry?: unknown
  message?: unknown
  serverErrorMessage?: unknown
  errors?: unknown
  cause?: unknown
}

/** All that went wrong, the outermost first. */
function causesOf(error: unknown, found: Cause[] = []): Cause[] {
  if (typeof error !== 'object' || error === null || found.length > 50) return found
  const cause = error as Cause
  found.push(cause)
  if (Array.isArray(cause.errors)) for (const each of cause.errors) causesOf(each, found)
  causesOf(cause.cause, found)
  return found
}

/** The answer of a broker: `UNKNOWN_TOPIC_OR_PARTITION`; undefined where none was wrong. */
export function answerOf(error: unknown): string | undefined {
  const found = causesOf(error).find(({ apiId }) => typeof apiId === 'string')
  return found?.apiId as string | undefined
}

/** A failure of the client, as a pipeline sees it. `where`: the brokers, for the message. */
export function kafkaFailure(error: unknown, where: string): PipelineError {
  if (error instanceof PipelineError) return error
  const causes = causesOf(error)
  const fail = (code: PipelineCode, what: string) =>
    new PipelineError(code, `kafka ${where}: ${what}`, { cause: error })
  const answer = answerOf(error)
  if (answer !== undefined) {
    const known = Object.hasOwn(answers, answer) ? answers[answer] : undefined
    const { message, serverErrorMessage, canRetry } = causes.find(({ apiId }) => apiId === answer)!
    const told = typeof serverErrorMessage === 'string' && serverErrorMessage !== '' ? `: ${serverErrorMessage}` : ''
    if (known !== undefined) return fail(known[0], `${known[1]} (${answer}${told})`)
    return fail(canRetry === true ? 'unavailable' : 'refused', `${String(message)} (${answer}${told})`)
  }
  const last = causes.at(-1)
  const tls = causes.find(({ code }) => typeof code === 'string' && untrusted.test(code))
  if (tls !== undefined)
    return fail(
      'refused',
      `TLS fails: ${String(tls.message)} (${String(tls.code)}): check security_protocol and ssl_ca_location`,
    )
  const told = causes.map(({ message }) => String(message))
  if (told.some(text => text.startsWith('Broker requires TLS') || text.startsWith('TLS handshake failed')))
    return fail('refused', 'the broker and this client disagree about TLS: check security_protocol')
  if (causes.some(({ code }) => code === 'PLT_KFK_AUTHENTICATION'))
    return fail('refused', `the broker refuses to authenticate: ${told.at(-1)}`)
  if (causes.some(({ code }) => code === 'PLT_KFK_TIMEOUT') || told.some(text => /timed out/i.test(text)))
    return fail('timeout', told.find(text => /timed out/i.test(text)) ?? 'no answer in time')
  if (causes.some(({ code }) => code === 'PLT_KFK_NETWORK' || /^E[A-Z]+$/.test(String(code)))) {
    const system = causes.find(({ code }) => /^E[A-Z]+$/.test(String(code)))
    return fail(
      'unavailable',
      system === undefined ? `the connection failed: ${String(last?.message)}` : `${String(system.message)}`,
    )
  }
  return fail('internal', String(last?.message ?? error))
}
