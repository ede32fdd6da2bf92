import { ClientError } from './types.ts'

export function fault(name: string, what: string, wayOut: string, cause?: unknown): ClientError {
  return new ClientError('spool', `spool: IndexedDB ${name}: ${what}; ${wayOut}`, { cause })
}

/** Waits for a request; what the browser says against it becomes the client's error. */
export function done<T>(name: string, doing: string, request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(failed(name, doing, request.error))
  })
}

export function failed(name: string, doing: string, error: DOMException | null): ClientError {
  const wayOut = waysOut[error?.name ?? ''] ?? 'without a spool the client keeps events in memory only'
  return fault(name, `cannot ${doing}: ${error?.message || error?.name || 'aborted'}`, wayOut, error)
}

const waysOut: Record<string, string> = {
  QuotaExceededError: 'free storage of this site, or let it ask for more (navigator.storage.persist)',
  VersionError: 'a newer client made it: use that one, or another name',
}
