/** For `node --test --test-global-setup`: ends the servers that a test run started, and leaves those that ran before. */
import { manage } from './servers.ts'

const running = () =>
  manage('status')
    .split('\n')
    .flatMap(line => /^(\S+) runs/.exec(line)?.[1] ?? [])

let before: readonly string[] = []

export function globalSetup(): void {
  before = running()
}

export function globalTeardown(): void {
  for (const name of running()) if (!before.includes(name)) manage('stop', name)
}
