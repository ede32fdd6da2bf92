import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import { PipelineError } from '../../runtime/errors.ts'
import type { Server } from './keys.ts'

/** What is tried for each mode, in turn: as libpq does (https://www.postgresql.org/docs/current/libpq-ssl.html). */
export async function tlsOf({ sslmode, sslrootcert }: Server): Promise<(false | ConnectionOptions)[]> {
  const ca = sslrootcert === undefined ? undefined : await certificates(sslrootcert)
  const encrypted: ConnectionOptions = { rejectUnauthorized: false }
  // as libpq: whoever names certificates wants them checked
  const checked: ConnectionOptions = { ca, rejectUnauthorized: true, checkServerIdentity: () => undefined }
  switch (sslmode) {
    case 'disable':
      return [false]
    case 'allow':
      return [false, encrypted]
    case 'prefer':
      return [encrypted, false]
    case 'require':
      return [ca === undefined ? encrypted : checked]
    case 'verify-ca':
      return [checked]
    case 'verify-full':
      return [{ ca, rejectUnauthorized: true }]
  }
}

async function certificates(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new PipelineError('bad_pipeline', `sslrootcert: ${(error as Error).message}`, { cause: error })
  }
}
