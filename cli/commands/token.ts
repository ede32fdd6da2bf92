import { createHash, randomBytes } from 'node:crypto'
import { type Command, InvalidArgumentError } from 'commander'
import type { Scope, Store } from '../../gateway/store/store.ts'
import { integer } from '../parse.ts'
import type { GlobalOptions } from './command.ts'

interface Options extends GlobalOptions {
  store?: string
  json?: true
  scope: Scope[]
  tenant: string
  eventsPerSecond?: number
  bytesPerSecond?: number
}

const scopes: readonly string[] = ['ingest', 'read', 'admin'] satisfies Scope[]

const help = `
Tokens are written to the store; a gateway that runs on it sees them within a second. The secret is shown once.

Examples:
  millrace token create app1 --scope ingest
  millrace token list
  millrace token revoke app1
`

/** `millrace token create|list|revoke` */
export function define(command: Command): void {
  command
    .option('--store <url>', 'the store of the gateway (default: that of the configuration)')
    .option('--json', 'JSON instead of text')
    .addHelpText('afterAll', help)

  const creating = command.command('create').description('make a token and print its secret')
  creating
    .argument('<name>', 'what to call it', nameOf)
    .requiredOption('--scope <scopes>', 'what it opens: ingest, read, admin, or several with commas', scopesOf)
    .option('--tenant <name>', 'whose streams it opens (default: those without a tenant)', '')
    .option('--events-per-second <number>', 'limit of events', integer(1))
    .option('--bytes-per-second <number>', 'limit of bytes', integer(1))
    .action((name: string) => withStore(creating, (store, options) => create(store, name, options)))

  const listing = command.command('list').description('list tokens, without their secrets')
  listing.action(() => withStore(listing, list))

  const revoking = command.command('revoke').description('close a token, at once and for good')
  revoking
    .argument('<id-or-name>', 'which')
    .action((which: string) => withStore(revoking, store => revoke(store, which)))
}

async function withStore(command: Command, use: (store: Store, options: Options) => Promise<void>): Promise<void> {
  const options = command.optsWithGlobals<Options>()
  const [{ openGuestStore }, { loadConfig }] = await Promise.all([
    import('../backend/guest.ts'),
    import('../config/load.ts'),
  ])
  const { config } = await loadConfig({ file: options.config, flags: { store: ['--store', options.store] } })
  const store = await openGuestStore(config.store)
  try {
    await use(store, options)
  } finally {
    await store.close()
  }
}

async function create(store: Store, name: string, options: Options): Promise<void> {
  const secret = `mr_${randomBytes(32).toString('base64url')}`
  const { hash, ...row } = await store.createToken({
    name,
    hash: createHash('sha256').update(secret).digest('hex'),
    scopes: options.scope,
    tenant: options.tenant,
    events_per_second: options.eventsPerSecond ?? null,
    bytes_per_second: options.bytesPerSecond ?? null,
    created_at: Date.now() * 1000,
  })
  const log = await import('../log.ts')
  log.info(`token ${row.token_id} (${name}) opens ${row.scopes.join(', ')}; keep the secret, it is shown only now`)
  console.log(options.json ? JSON.stringify({ ...row, secret }) : secret)
}

async function list(store: Store, { json }: Options): Promise<void> {
  const tokens = (await store.listTokens()).map(({ hash, ...shown }) => shown)
  if (json) {
    process.stdout.write(tokens.map(token => `${JSON.stringify(token)}\n`).join(''))
    return
  }
  const [{ table }, { time }] = await Promise.all([import('../output/table.ts'), import('../output/time.ts')])
  const columns = ['id', 'name', 'scopes', 'tenant', 'events/s', 'bytes/s', 'created', 'revoked']
  const cells = tokens.map(token => [
    token.token_id,
    token.name,
    token.scopes.join(','),
    token.tenant,
    token.events_per_second,
    token.bytes_per_second,
    time(token.created_at),
    time(token.revoked_at),
  ])
  process.stdout.write(table(columns, cells))
}

async function revoke(store: Store, which: string): Promise<void> {
  if (!(await store.revokeToken(which, Date.now() * 1000))) throw new Error(`there is no living token ${which}`)
  const log = await import('../log.ts')
  log.info(`token ${which} is revoked`)
}

function nameOf(text: string): string {
  if (/^[^\u0000-\u001f\u007f]{1,100}$/.test(text) && !/^\d+$/.test(text)) return text
  throw new InvalidArgumentError('Expected 1 to 100 characters, and not only digits.')
}

function scopesOf(text: string): Scope[] {
  const wanted = text.split(',').map(scope => scope.trim())
  const unknown = wanted.find(scope => !scopes.includes(scope))
  if (unknown !== undefined) throw new InvalidArgumentError(`'${unknown}' is none of ${scopes.join(', ')}.`)
  return [...new Set(wanted as Scope[])]
}
