/** An address for messages: without credentials, query and fragment, which may hold secrets. */
export function shownUrl(url: string | URL): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

/** One line of printable text, for what a foreign server said. */
export function shownText(text: string, limit = 200): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length > limit ? `${line.slice(0, limit)}…` : line
}
