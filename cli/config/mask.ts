import { masked, maskUrl } from '../../core/mask.ts'

/** A setting as it may be shown: passwords in URLs and whatever is called a secret are hidden. Paths of files stay. */
export function mask(path: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => mask(path, item))
  if (typeof value !== 'string') return value
  if (path.startsWith('http_secret_value.')) return masked
  if (/(^|[._])(token|secret|pass|password|passphrase|api_key|private_key|secret_access_key)s?$/.test(path))
    return masked
  return maskUrl(value)
}
