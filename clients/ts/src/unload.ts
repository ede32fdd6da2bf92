/** Calls back when a page is hidden or left: nothing may come after that. Returns how to stop; elsewhere does nothing. */
export function onLeave(leave: () => void): () => void {
  if (typeof document === 'undefined') return () => {}
  const hidden = () => {
    if (document.visibilityState === 'hidden') leave()
  }
  addEventListener('pagehide', leave)
  document.addEventListener('visibilitychange', hidden)
  return () => {
    removeEventListener('pagehide', leave)
    document.removeEventListener('visibilitychange', hidden)
  }
}

/** Browsers take 64 KiB of such bodies at a time, for a whole page; a little is left for others. Fetch standard, 4.5. */
export const leaveBytes = 60 * 1024

/** Sends what must outlive the page; resolves with the count. No header of its own: a preflight would come too late. */
export async function postOnLeave(send: typeof fetch, url: string, body: string): Promise<number> {
  const headers = { 'content-type': 'text/plain' }
  const response = await send(url, { method: 'POST', keepalive: true, headers, body })
  return response.ok ? (await response.json()).count : 0
}
