#!/usr/bin/env node
// Plain JavaScript that old versions of Node parse, so that they can say what is missing.
// It becomes the command itself: no child process.

var version = process.versions.node.split('.').map(Number)

if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  console.error(
    'millrace: needs Node 22.18 or newer, and this is ' +
      process.version +
      ' (in a checkout, `npm start` and the other npm scripts bring their own Node 24)',
  )
  process.exit(1)
} else {
  Promise.all([import('node:module'), import('node:fs')])
    .then(builtins => {
      builtins[0].enableCompileCache()
      // A checkout has the sources beside this file and never runs a dist/ that may be stale.
      var source = new URL('../cli/main.ts', import.meta.url)
      var main = builtins[1].existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url)
      return import(main.href)
    })
    .then(cli => cli.main(process.argv.slice(2)))
    .then(code => {
      process.exitCode = code
    })
}
