// ClickHouse's HTTP interface over the engine that chdb brings: node clickhouse-front.mjs PROGRAMS FOLDER PORT
// It hands queries, parameters, settings, bodies and errors through, and adds nothing. What a server does otherwise:
// a result is sent when it is whole (as with wait_end_of_query=1), and there are no users.
import { randomUUID } from 'node:crypto'
import { createWriteStream, mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

const [programs, folder, port] = process.argv.slice(2)
const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`
const engine = createRequire(join(programs, 'node_modules/'))(`@chdb/lib-${platform}`)
const data = join(folder, 'data')
const bodies = join(folder, 'bodies')
rmSync(bodies, { recursive: true, force: true })
mkdirSync(bodies, { recursive: true })

const connect = () => engine.CreateConnection(data)
// the engine ends with its last connection
const anchor = connect()
await run(anchor, 'SELECT 1')

/** What is read as a query at most, where data follows it in the body. */
const queryBytes = 262_144
/** Of the HTTP interface itself, and no settings of a query. */
const own = new Set(
  'query database default_format query_id session_id session_timeout session_check user password quota_key role compress decompress buffer_size wait_end_of_query http_response_buffer_size send_progress_in_http_headers enable_http_compression http_zlib_compression_level'.split(
    ' ',
  ),
)
const encodings = { gzip: 'gzip', deflate: 'deflate', br: 'br', zstd: 'zstd', lz4: 'lz4', xz: 'xz', bz2: 'bz2' }
/** What a server answers to a client's mistakes; all else is 500. */
const statuses = { 60: 404, 81: 404, 46: 404, 47: 404, 115: 404, 73: 404, 62: 400, 27: 400, 26: 400, 6: 400, 117: 400 }

const quote = text => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

async function run(connection, sql, format = 'TabSeparated') {
  return engine.QueryAsyncConnection(connection, sql, format)
}

/** Where data begins after `INSERT … FORMAT name`, and where FROM INFILE belongs; undefined for any other text. */
function insertOf(text) {
  if (!/^\s*insert\s+into\b/i.test(text)) return undefined
  let depth = 0
  let place
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === "'" || char === '"' || char === '`') {
      for (at++; at < text.length && text[at] !== char; at++) if (text[at] === '\\') at++
    } else if (char === '(') depth++
    else if (char === ')') depth--
    else if (depth === 0 && /[a-z]/i.test(char) && !/\w/.test(text[at - 1] ?? ' ')) {
      const [word] = /^\w+/.exec(text.slice(at, at + 100))
      if (/^(select|values|with|watch)$/i.test(word)) return undefined
      if (/^settings$/i.test(word)) place ??= at
      if (/^format$/i.test(word)) {
        const [head] = /^format\s+\w+\s?/i.exec(text.slice(at)) ?? []
        return head && { place: place ?? at, end: at + head.length }
      }
      at += word.length - 1
    }
  }
  return undefined
}

const sessions = new Map()

/** A connection of the request's own, so that its settings end with it; or that of its session. */
async function withConnection(params, use) {
  const id = params.get('session_id')
  if (id === null) {
    const connection = connect()
    try {
      return await use(connection)
    } finally {
      engine.CloseConnection(connection)
    }
  }
  const session = sessions.get(id) ?? { connection: connect(), busy: false, timer: undefined }
  if (session.busy)
    throw new Error(`Code: 373. DB::Exception: Session ${id} is locked by a concurrent client. (SESSION_IS_LOCKED)`)
  sessions.set(id, session)
  session.busy = true
  clearTimeout(session.timer)
  try {
    return await use(session.connection)
  } finally {
    session.busy = false
    session.timer = setTimeout(
      () => {
        sessions.delete(id)
        engine.CloseConnection(session.connection)
      },
      Number(params.get('session_timeout') ?? 60) * 1000,
    ).unref()
  }
}

async function* withFirst(first, rest) {
  if (first.length > 0) yield first
  yield* rest
}

/** As much of the body as may be a query, and the rest of it. */
async function split(request) {
  const iterator = request[Symbol.asyncIterator]()
  const chunks = []
  let size = 0
  for (; size < queryBytes; ) {
    const { value, done } = await iterator.next()
    if (done) return { head: Buffer.concat(chunks), rest: [] }
    chunks.push(value)
    size += value.length
  }
  return { head: Buffer.concat(chunks), rest: { [Symbol.asyncIterator]: () => iterator } }
}

async function readQuery(request, params) {
  const inUrl = params.get('query')
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encodings[encoding] === undefined)
    throw new Error(`Code: 48. DB::Exception: Unknown compression method ${encoding}. (NOT_IMPLEMENTED)`)
  const insert = inUrl === null ? undefined : insertOf(inUrl)
  if (insert !== undefined) return { sql: inUrl, insert, body: request, encoding }
  if (encoding !== undefined)
    throw new Error(
      'Code: 48. DB::Exception: the front takes encoded bodies only as data of an INSERT in the URL. (NOT_IMPLEMENTED)',
    )
  const { head, rest } = await split(request)
  const text = (inUrl === null ? '' : `${inUrl}\n`) + head.toString('latin1')
  const inBody = insertOf(text)
  if (inBody !== undefined) {
    const sql = Buffer.from(text.slice(0, inBody.end), 'latin1').toString()
    return { sql, insert: insertOf(sql), body: withFirst(Buffer.from(text.slice(inBody.end), 'latin1'), rest) }
  }
  const parts = [head]
  for await (const part of rest) parts.push(part)
  return { sql: (inUrl === null ? '' : `${inUrl}\n`) + Buffer.concat(parts).toString() }
}

async function execute(request, params, connection) {
  const { sql, insert, body, encoding } = await readQuery(request, params)
  if (params.get('database')) await run(connection, `USE \`${params.get('database').replaceAll('`', '\\`')}\``)
  for (const [name, value] of params)
    if (!own.has(name)) {
      if (!/^\w+$/.test(name)) throw new Error(`Code: 115. DB::Exception: Unknown setting '${name}'. (UNKNOWN_SETTING)`)
      await run(connection, `SET ${name} = ${quote(value)}`)
    }
  if (insert === undefined) {
    // values of an INSERT are no part of the query for a server
    if (/^\s*insert\b/i.test(sql) && sql.length > queryBytes)
      await run(connection, `SET max_query_size = ${sql.length + 1}`)
    const format = params.get('default_format') ?? request.headers['x-clickhouse-format'] ?? 'TabSeparated'
    return run(connection, sql, format)
  }
  const file = join(bodies, randomUUID())
  try {
    await pipeline(body, createWriteStream(file))
    const compression = encoding === undefined ? 'none' : encodings[encoding]
    const from = ` FROM INFILE ${quote(file)} COMPRESSION '${compression}' `
    const { rowsRead, ...result } = await run(connection, sql.slice(0, insert.place) + from + sql.slice(insert.place))
    return { ...result, rowsRead: 0, rowsWritten: rowsRead }
  } finally {
    rmSync(file, { force: true })
  }
}

function refuse(response, error) {
  if (response.headersSent || response.destroyed) return
  const [, code = '1002'] = /^Code: (\d+)/.exec(error.message) ?? []
  response.writeHead(statuses[code] ?? 500, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': code,
  })
  response.end(`${error.message}\n`)
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  if (url.pathname === '/ping' || (url.pathname === '/' && request.method === 'GET' && url.search === ''))
    return response.end('Ok.\n')
  if (url.pathname !== '/') return response.writeHead(404).end('There is no handle\n')
  const params = url.searchParams
  withConnection(params, connection => execute(request, params, connection)).then(
    ({ bytes, elapsed, rowsRead, rowsWritten = 0 }) => {
      response.writeHead(200, {
        'Content-Type': 'application/octet-stream',
        'X-ClickHouse-Query-Id': params.get('query_id') ?? randomUUID(),
        'X-ClickHouse-Summary': JSON.stringify({
          read_rows: String(rowsRead),
          written_rows: String(rowsWritten),
          elapsed_ns: String(Math.round(elapsed * 1e9)),
        }),
      })
      response.end(bytes)
    },
    error => refuse(response, error),
  )
})
server.keepAliveTimeout = 10_000
server.listen(Number(port), '127.0.0.1')

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  engine.CloseConnection(anchor)
  process.exit(0)
})
