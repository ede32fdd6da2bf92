import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './workdir.ts'

/** What runs: `source`, unbuilt from this repository; `dist`, what `npm run build` made; or the bin of another build. */
export const form = process.env.MILLRACE_BENCH_BIN ?? (process.env.MILLRACE_BENCH_DIST === '1' ? 'dist' : 'source')

let made: string | undefined

/** The file to run as `node FILE serve …`. */
export function gatewayBin(): string {
  if (form === 'source') return join(repository, 'bin/millrace.js')
  if (form === 'dist') return (made ??= distBin())
  return form
}

/** The bin prefers sources that lie beside it, as in a checkout: dist runs from a folder that is laid out as installed. */
function distBin(): string {
  if (!existsSync(join(repository, 'dist'))) throw new Error('there is no dist/: npm run build')
  const root = mkdtempSync(join(repository, '.cache', 'bench-package-'))
  process.on('exit', () => rmSync(root, { recursive: true, force: true }))
  mkdirSync(join(root, 'bin'))
  copyFileSync(join(repository, 'bin/millrace.js'), join(root, 'bin/millrace.js'))
  for (const name of ['dist', 'package.json']) symlinkSync(join(repository, name), join(root, name))
  return join(root, 'bin/millrace.js')
}
