import * as z from 'zod'

/** Where a Postgres server is, and who asks: the keys of the settings that name one. */

export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

export interface Server {
  /** several, separated by commas, are tried in turn; a folder is that of a Unix socket */
  host: string
  port: number
  user: string
  password: string
  database: string
  sslmode: SslMode
  /** file of certificates (PEM) that the server's is checked against; undefined: those that Node brings */
  sslrootcert?: string | undefined
}

/** The keys of a section with its defaults, to be spread into a strict object. `serverOf` reads them. */
export function serverKeys(defaults: Pick<Server, 'host' | 'user' | 'database' | 'sslmode'>) {
  return {
    host: z.string().min(1).default(defaults.host).describe('host; several, separated by commas, are tried in turn'),
    port: z.int().min(1).max(65535).default(5432).describe('port'),
    db: z.string().min(1).default(defaults.database).describe('database'),
    database: z.string().min(1).optional().describe('the same as db, and goes before it'),
    user: z.string().min(1).default(defaults.user).describe('user'),
    password: z.string().default('').describe('password'),
    pass: z.string().optional().describe('the same as password, and goes before it'),
    sslmode: z.enum(sslModes).default(defaults.sslmode).describe(sslModes.join(', ')),
    sslrootcert: z
      .string()
      .min(1)
      .optional()
      .describe("certificates (a PEM file) that the server's is checked against"),
  }
}

type Section = z.infer<z.ZodObject<ReturnType<typeof serverKeys>>>

export function serverOf({ db, database, password, pass, host, port, user, sslmode, sslrootcert }: Section): Server {
  return { host, port, user, password: pass ?? password, database: database ?? db, sslmode, sslrootcert }
}

/** `postgres://user:password@host:port/database?sslmode=require`; for tests and benchmarks. */
export function serverOfUrl(text: string): Server {
  const url = new URL(text)
  const query = url.searchParams
  return {
    host: query.get('host') ?? url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    sslmode: z.enum(sslModes).parse(query.get('sslmode') ?? 'prefer'),
    sslrootcert: query.get('sslrootcert') ?? undefined,
  }
}
