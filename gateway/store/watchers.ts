import type { Store, TokenRow } from './store.ts'

/** Who in this process is told of commits and of tokens. */
export interface Watchers extends Pick<Store, 'onCommit' | 'watchTokens'> {
  /** Events may have been stored. */
  announce(): void
  /** all of them, those that were revoked too */
  readonly tokens: readonly TokenRow[]
  setTokens(tokens: readonly TokenRow[]): void
}

export function createWatchers(): Watchers {
  const ofCommits = new Set<() => void>()
  const ofTokens = new Set<(tokens: readonly TokenRow[]) => void>()
  let tokens: readonly TokenRow[] = []
  const living = () => tokens.filter(token => token.revoked_at === null)

  return {
    announce() {
      for (const listener of ofCommits) listener()
    },
    get tokens() {
      return tokens
    },
    setTokens(now) {
      tokens = now
      for (const listener of ofTokens) listener(living())
    },
    onCommit(listener) {
      ofCommits.add(listener)
      return () => ofCommits.delete(listener)
    },
    watchTokens(listener) {
      ofTokens.add(listener)
      listener(living())
      return () => ofTokens.delete(listener)
    },
  }
}
