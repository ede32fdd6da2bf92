export type Origin = 'uncaughtException' | 'unhandledRejection'

/** Hears of uncaught errors and rejections without handling them. Returns what ends it. */
export function listenForErrors(heard: (error: unknown, origin: Origin) => void): () => void {
  return isNode() ? listenInNode(heard) : listenInPage(heard)
}

// Bun has both ways, and calls back only in that of Node; Deno the other way round
const isNode = () => globalThis.process?.versions?.node !== undefined && !('Deno' in globalThis)

function listenInPage(heard: (error: unknown, origin: Origin) => void): () => void {
  const onError = (event: Event) => {
    const { error, message } = event as ErrorEvent
    heard(error ?? message, 'uncaughtException')
  }
  const onRejection = (event: Event) => heard((event as PromiseRejectionEvent).reason, 'unhandledRejection')
  globalThis.addEventListener('error', onError)
  globalThis.addEventListener('unhandledrejection', onRejection)
  return () => {
    globalThis.removeEventListener('error', onError)
    globalThis.removeEventListener('unhandledrejection', onRejection)
  }
}

/** The monitor event is the one that keeps Node's exit as it is; it comes for rejections, too, where they end the process. */
function listenInNode(heard: (error: unknown, origin: Origin) => void): () => void {
  const { process } = globalThis
  process.on('uncaughtExceptionMonitor', heard)
  return () => process.off('uncaughtExceptionMonitor', heard)
}
