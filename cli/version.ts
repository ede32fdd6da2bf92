import { existsSync, readFileSync } from 'node:fs'

/** The version in the nearest package.json above this file, which is the same for a checkout and for `dist/`. */
export function version(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    const file = new URL('package.json', folder)
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
    if (folder.pathname === '/') return 'unknown'
  }
}
