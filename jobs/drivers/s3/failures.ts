import { type PipelineCode, PipelineError } from '../../runtime/errors.ts'

/** An object is not the one that it was, or gone. */
export class ChangedError extends Error {
  constructor(url: string) {
    super(`${url} is another object than before, or gone`)
    this.name = 'ChangedError'
  }
}

/** What servers and the SDK say, and what an operator reads of it. */
const known: Readonly<Record<string, readonly [PipelineCode, string]>> = {
  AccessDenied: ['refused', 'access is denied: the keys in use need the right to do this'],
  AllAccessDisabled: ['refused', 'access is denied: the keys in use need the right to do this'],
  InvalidAccessKeyId: ['refused', 'the access key is not known there: check s3.access_key_id, or AWS_ACCESS_KEY_ID'],
  SignatureDoesNotMatch: [
    'refused',
    'the secret key is not that of the access key: check s3.secret_access_key, or AWS_SECRET_ACCESS_KEY',
  ],
  ExpiredToken: ['refused', 'the temporary keys have expired: bring new ones'],
  InvalidToken: ['refused', 'the session token is not right: check s3.session_token, or AWS_SESSION_TOKEN'],
  CredentialsProviderError: [
    'refused',
    'no keys are found: set s3.access_key_id and s3.secret_access_key, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
  ],
  RequestTimeTooSkewed: ['refused', 'the clock of this machine differs too much from that of the server: set it'],
  NoSuchBucket: ['bad_pipeline', 'there is no such bucket: make it, or name another one'],
  InvalidBucketName: ['bad_pipeline', 'that is no name of a bucket'],
  NotImplemented: ['bad_pipeline', 'the server does not know this part of S3'],
  MethodNotAllowed: ['bad_pipeline', 'the server does not know this part of S3'],
  QuotaExceeded: ['full', 'the bucket is full: free some space'],
  XMinioStorageFull: ['full', 'the disks of the server are full: free some space'],
  InsufficientStorage: ['full', 'the disks of the server are full: free some space'],
}

/** Another region, by the names that servers have for it. */
const elsewhere =
  /^(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/

/** Another try may work. */
const passing =
  /^(SlowDown|ServiceUnavailable|InternalError|RequestTimeout|RequestTimeoutException|Throttling|ThrottlingException|TooManyRequests|OperationAborted|ConditionalRequestConflict|TimeoutError|BadDigest|IncompleteBody)$/
const network =
  /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ERR_STREAM_PREMATURE_CLOSE|UND_ERR.*)$/

interface SdkError {
  name?: string
  Code?: string
  code?: string
  message?: string
  Region?: string
  $metadata?: { httpStatusCode?: number }
  $response?: { headers?: Record<string, string> }
}

export const nameOf = (error: unknown): string => {
  const { Code, name } = (error ?? {}) as SdkError
  return Code ?? name ?? ''
}

export const statusOf = (error: unknown): number | undefined => (error as SdkError)?.$metadata?.httpStatusCode

/** A failure as a pipeline sees it. `what` says what was tried: `read s3://a/b`. Keys and signatures are never in it. */
export function s3Failure(error: unknown, what: string): PipelineError {
  if (error instanceof PipelineError) return error
  const { message = String(error), code = '', Region, $response } = (error ?? {}) as SdkError
  const name = nameOf(error)
  const status = statusOf(error)
  const failed = (kind: PipelineCode, says: string) =>
    new PipelineError(kind, `${what}: ${says}`, {
      cause: plainOf(error),
      ...(kind === 'bad_pipeline' && { path: ['path'] }),
    })
  const told = /^(unknownerror|forbidden)?$/i.test(message) ? [name, status].join(' ').trim() : message
  if (Object.hasOwn(known, name)) {
    const [kind, says] = known[name]!
    return failed(kind, `${says} (${told})`)
  }
  if (elsewhere.test(name) || status === 301 || status === 307) {
    const region = Region ?? $response?.headers?.['x-amz-bucket-region']
    return failed(
      'bad_pipeline',
      `the bucket is in another region: set s3.region${region === undefined ? '' : ` to ${region}`}, or AWS_REGION (${told})`,
    )
  }
  if (/region is missing/i.test(message))
    return failed('bad_pipeline', 'no region is known: set s3.region, or AWS_REGION')
  if (status === 403 || status === 401) return failed('refused', `${known.AccessDenied![1]} (${told})`)
  if (network.test(code)) return failed('unavailable', `the server cannot be reached (${message || code})`)
  if (name === 'TimeoutError') return failed('timeout', `the server does not answer (${message})`)
  if (passing.test(name) || (status !== undefined && (status >= 500 || status === 429)))
    return failed('unavailable', `the server fails (${told})`)
  if (isReset(message)) return failed('unavailable', `the connection was lost (${message})`)
  return failed('internal', told)
}

const isReset = (message: string): boolean =>
  /aborted|socket hang up|premature close|terminated|XML parse error: unexpected end/i.test(message)

/** The body of an answer ended too early. What the SDK tried again by itself has its number of tries. */
export function isCutOff(error: unknown): boolean {
  const { message = '', code = '', $metadata } = (error ?? {}) as SdkError
  return (
    /XML parse error: unexpected end/i.test(message) ||
    ($metadata === undefined && (network.test(code) || isReset(message)))
  )
}

/** What the SDK throws has requests and signatures in it. */
function plainOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return Object.assign(new Error(error.message), { name: error.name, code: (error as SdkError).code })
}
