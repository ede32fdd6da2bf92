import type { S3Client } from '@aws-sdk/client-s3'
import type { S3Settings } from './keys.ts'
import { md5OfBatches } from './md5.ts'

export type Sdk = typeof import('@aws-sdk/client-s3')

export interface S3 {
  sdk: Sdk
  client: S3Client
}

const clients = new Map<string, Promise<S3>>()

/** The client for an endpoint and keys: one for all nodes of the process. */
export function clientOf(settings: S3Settings): Promise<S3> {
  const name = JSON.stringify(settings)
  const known = clients.get(name) ?? open(settings)
  clients.set(name, known)
  return known
}

async function open(settings: S3Settings): Promise<S3> {
  const { endpoint, region, access_key_id, secret_access_key, session_token } = settings
  const sdk = await import('@aws-sdk/client-s3')
  const isOwn = endpoint !== undefined || process.env.AWS_ENDPOINT_URL_S3 !== undefined
  const fallback = isOwn && process.env.AWS_REGION === undefined ? 'us-east-1' : undefined
  const client = new sdk.S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...((region ?? fallback) !== undefined && { region: region ?? fallback! }),
    ...(access_key_id !== undefined && {
      credentials: {
        accessKeyId: access_key_id,
        secretAccessKey: secret_access_key!,
        ...(session_token !== undefined && { sessionToken: session_token }),
      },
    }),
    forcePathStyle: settings.force_path_style ?? isOwn,
    maxAttempts: 4,
    // many servers do not know the newer checksums; bodies go with their MD5, which all check
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 5000,
      requestTimeout: 30_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: 32 },
      httpsAgent: { keepAlive: true, maxSockets: 32 },
    },
  })
  md5OfBatches(client)
  return { sdk, client }
}
