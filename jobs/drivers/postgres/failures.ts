import { codeOf } from '../../../core/errors.ts'
import { type PipelineCode, PipelineError, pipelineCodes } from '../../runtime/errors.ts'

/**
 * What becomes of an error, by its SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html): the whole
 * code first, then its class. What a retry cannot help is never `unavailable`. The text is the way out.
 */
const states: Readonly<Record<string, readonly [PipelineCode, string?]>> = {
  '08': ['unavailable'],
  '0A': ['refused'],
  '21': ['bad_data'],
  '22': ['bad_data'],
  '23': ['bad_data'],
  '25006': ['unavailable', 'the server takes no writes: a standby, or one that fails over'],
  '25P03': ['unavailable'],
  '25P04': ['unavailable'],
  '26': ['unavailable', 'a pooler between may hand out another connection per statement: let it pool sessions'],
  '28': ['refused', 'check user, password and pg_hba.conf'],
  '38': ['bad_data'],
  '39': ['bad_data'],
  '3D000': ['bad_pipeline', 'create the database, or name another'],
  '3F000': ['bad_pipeline', 'create the schema, or name another'],
  '40': ['unavailable'],
  '40002': ['bad_data'],
  '42': ['bad_pipeline'],
  '42501': ['refused', 'grant it to the user, or take another one'],
  '44': ['bad_data'],
  '53': ['unavailable'],
  '53100': ['full', 'the disk of the server is full: free some space'],
  '54': ['bad_data'],
  '55006': ['unavailable'],
  '55P03': ['unavailable'],
  '57': ['unavailable'],
  '57014': ['timeout'],
  '58': ['unavailable'],
  '72': ['unavailable'],
  P0: ['bad_data'],
  XX: ['internal'],
}

/** What the server calls an internal error (XX000) where a table is dropped or replaced under a statement. */
const dropped = /^(could not open relation with OID|cache lookup failed for)/

const network = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENOENT',
  'ENOTCONN',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** What the client library says without a code. */
const texts: readonly (readonly [RegExp, PipelineCode, string?])[] = [
  [/connection terminated|not queryable|connection ended|client was closed/i, 'unavailable'],
  [/timeout expired|connection timeout/i, 'unavailable'],
  [/does not support SSL/i, 'refused', 'set sslmode to disable, or turn ssl on at the server'],
  [/client password must be|password must be a string/i, 'refused', 'it wants a password, and none is set'],
  [/^SASL/i, 'refused'],
]

/** What Postgres says of an error beyond its message (pg's DatabaseError). */
interface Said {
  code?: unknown
  detail?: unknown
  hint?: unknown
  schema?: unknown
  table?: unknown
  column?: unknown
  constraint?: unknown
  where?: unknown
}

/**
 * A failure of the client or server as a pipeline sees it. `label` names server and database, and may say what was
 * tried: `postgres db:5432/app: insert into app.orders`.
 */
export function pgFailure(error: unknown, label: string): PipelineError {
  if (error instanceof PipelineError) return error
  const message = messageOf(error)
  const code = codeOf(error)
  const make = (kind: PipelineCode, said: string, wayOut?: string) =>
    new PipelineError(kind, `${label}: ${said}${wayOut === undefined ? '' : `: ${wayOut}`}`, { cause: error })
  if (isSqlState(code)) {
    if (code === 'XX000' && dropped.test(message)) return make('unavailable', describe(error as Said, message, code))
    const [kind, wayOut] = states[code] ?? states[code.slice(0, 2)] ?? ['refused']
    return make(kind, describe(error as Said, message, code), wayOut)
  }
  if (network.has(code)) return make('unavailable', message)
  if (isCertificate(code))
    return make('refused', `${message} (${code})`, 'name its issuer by sslrootcert, or set sslmode to require')
  for (const [pattern, kind, wayOut] of texts) if (pattern.test(message)) return make(kind, message, wayOut)
  return make('internal', message)
}

/** The SQLSTATE behind an error of this driver, such as 42P01; undefined: it came from elsewhere. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = codeOf(error instanceof PipelineError ? error.cause : error)
  if (isSqlState(code)) return code
  return error instanceof PipelineError && error.cause instanceof PipelineError ? sqlStateOf(error.cause) : undefined
}

const isSqlState = (code: string): boolean =>
  /^[0-9A-Z]{5}$/.test(code) && !network.has(code) && !/^E[A-Z]{4}$/.test(code)
const isCertificate = (code: string): boolean =>
  /^ERR_(TLS|SSL)|CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|^EPROTO$/.test(code)

/** Names that tell nothing about where the fault is are left out; the detail often has the value. */
function describe(said: Said, message: string, code: string): string {
  const places = (['schema', 'table', 'column', 'constraint'] as const)
    .filter(place => typeof said[place] === 'string')
    .map(place => `${place} ${said[place]}`)
  const more = [said.detail, said.hint, copyPlace(said.where)].filter(text => typeof text === 'string' && text !== '')
  return [`${message} (${[`SQLSTATE ${code}`, ...places].join(', ')})`, ...more].join('; ')
}

/** `COPY t, line 17, column amount: "x"` is the only thing that names the row of a COPY. */
const copyPlace = (where: unknown): string | undefined =>
  typeof where === 'string' && where.startsWith('COPY ') ? where.split('\n', 1)[0] : undefined

/** Several addresses of one name fail together, without a message of their own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

export const isRetryable = (error: unknown): boolean =>
  error instanceof PipelineError && pipelineCodes[error.code].retry
