import { PipelineError } from '../../runtime/errors.ts'

/** Words of the TLS library for a certificate that this machine does not trust. */
const certificate = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up just now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no connection within the time of the system',
}

/** Why there is no connection, or none any more; what is a PipelineError already stays so. `place` goes behind the reason. */
export function connectionError(error: unknown, place = ''): PipelineError {
  if (error instanceof PipelineError) return error
  const { code = '', message } = causeOf(error)
  if (certificate.test(code))
    return new PipelineError(
      'refused',
      `the certificate of the server is not trusted (${message}): add its authority with NODE_EXTRA_CA_CERTS=FILE`,
      { cause: error },
    )
  return new PipelineError('unavailable', `${words[code] ?? message}${place}`, { cause: error })
}

/** What went wrong before there was a complete answer, as a PipelineError. Nearly all of it may pass by itself. */
export function transportError(error: unknown): PipelineError {
  const { code = '', message, address, port } = causeOf(error)
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return new PipelineError('unavailable', 'the server does not speak TLS there: is it http://?', { cause: error })
  if (code.startsWith('HPE_'))
    return new PipelineError('unavailable', `the answer is not HTTP (${message})`, { cause: error })
  return connectionError(
    error,
    address === undefined ? '' : ` (${address.includes(':') ? `[${address}]` : address}:${port})`,
  )
}

interface Cause {
  code?: string
  message: string
  address?: string
  port?: number
}

/** Where a name has several addresses, each has an error of its own. */
function causeOf(error: unknown): Cause {
  const first: unknown = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error
  return first instanceof Error ? first : { message: String(first) }
}
