import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { type BrowserContext, chromium } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome']
const onPath = (process.env.PATH ?? '').split(delimiter).flatMap(folder => names.map(name => join(folder, name)))

/** Of a Chromium of this system: `$CHROMIUM`, Debian's, or one on the PATH. */
export const executablePath = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', ...onPath].find(
  path => path !== '' && existsSync(path),
)

/** For tests that need a browser. */
export const skip = executablePath === undefined ? 'no Chromium here (Debian package chromium, or $CHROMIUM)' : false

/** A browser with a profile of its own on the disk, as users have one: private windows forget their databases earlier. */
export async function launch(): Promise<{ context: BrowserContext; close(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), 'millrace-chromium-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: ['--no-sandbox'] })
  return {
    context,
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Bundles what `contents` imports from `src`, for browsers. */
export async function bundle(contents: string, options: BuildOptions = {}): Promise<string> {
  const resolveDir = fileURLToPath(new URL('../src', import.meta.url))
  const stdin = { contents, resolveDir, loader: 'ts' as const }
  const target = 'es2022'
  const { outputFiles } = await build({ stdin, target, bundle: true, write: false, format: 'esm', ...options })
  return outputFiles![0]!.text
}

/** Serves pages that load the client and put its functions on `window.millrace`. */
export async function startSite(): Promise<{ origin: string; close(): void }> {
  const script = await bundle(`
    import { connect } from './client.ts'
    import { indexedDbSpool } from './indexeddb.ts'
    window.millrace = { connect, indexedDbSpool }`)
  const server = createServer(({ url }, response) => {
    const isScript = url === '/client.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(
      isScript ? script : '<!doctype html><title>page</title><script type="module" src="/client.js"></script>',
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, close: () => void server.close() }
}
