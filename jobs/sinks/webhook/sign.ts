import { createHash, createHmac } from 'node:crypto'
import type { Headers } from '../../drivers/http/headers.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** The headers that a request is signed with, for a receiver that knows the secret. */
export type Signer = (id: string, body: string, now?: number) => Headers

/**
 * Signs as Standard Webhooks has it: HMAC-SHA256 of `ID.TIMESTAMP.BODY`, in base64. The secret is `whsec_` and base64, or
 * any text, whose bytes it then is.
 */
export function createSigner(secret: string): Signer {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  if (key.length === 0 || (secret.startsWith('whsec_') && !/^[A-Za-z0-9+/]+={0,2}$/.test(secret.slice(6))))
    throw new PipelineError('bad_pipeline', 'the signing secret has no base64 after whsec_', {
      path: ['signing_secret_name'],
    })
  return (id, body, now = Date.now()) => {
    const timestamp = String(Math.floor(now / 1000))
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
  }
}

/**
 * Names a request: the same for the same rows of the same epoch, also after a restart. The hash keeps a key from ever
 * standing for another content. Without full stops, which Standard Webhooks does not take in an id.
 */
export function idempotencyKey(pipeline: string, sink: string, epoch: number, seq: number, body: string): string {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16)
  return [...pipeline.split('/'), sink, epoch, `${seq}-${hash}`].map(part => encode(String(part))).join('/')
}

const encode = (part: string): string => encodeURIComponent(part.toWellFormed()).replaceAll('.', '%2E')
