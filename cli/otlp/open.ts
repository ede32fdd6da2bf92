import type { DecodeOptions } from '../../core/otlp/records.ts'
import type { OtlpOptions } from '../commands/otlp.ts'
import type { Target } from './target.ts'

/** Where the options say that the records go, and how they are decoded for it. */
export async function openTarget(
  options: OtlpOptions,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<{ target: Target; decode: DecodeOptions }> {
  const { url, token, store, to, tenant = '', retryFor, onError } = options
  if (store === undefined && to === undefined) {
    const { createGatewayTarget } = await import('./gateway.ts')
    const gzip = options.gzip === true
    return { target: createGatewayTarget({ url, token, gzip, retryFor, signal, onWait }), decode: {} }
  }
  const { loadConfig } = await import('../config/load.ts')
  const { config } = await loadConfig({ file: options.config })
  const promote = config.otlp.promote_resource_attributes
  const decode = { promote, maxRecordBytes: config.gateway.limits.event }
  if (to !== undefined) {
    const { createParquetTarget } = await import('./parquet/parquet.ts')
    return { target: await createParquetTarget({ path: to, promote, skip: onError === 'skip', signal }), decode }
  }
  const { openStoreTarget } = await import('./store.ts')
  return { target: await openStoreTarget(store!, tenant, promote), decode }
}
