import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { eachLine } from '../lines.ts'

/** Lines on stdin become requests to the Worker, its answers lines on stdout. Arguments: workerd, the folder of the Worker. */

const [binary, folder] = process.argv.slice(2)
const workerd = spawn(binary!, ['serve', '--control-fd=3', 'config.capnp'], {
  cwd: folder,
  stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
})
process.on('exit', () => workerd.kill('SIGKILL'))
workerd.on('exit', code => process.exit(code ?? 1))

const port = await new Promise<number>(resolve => {
  void eachLine(workerd.stdio[3] as Readable, line => {
    const { event, port } = JSON.parse(line) as { event: string; port: number }
    if (event === 'listen') resolve(port)
  })
})

async function forward(line: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: line })
  process.stdout.write(`${(await response.text()).trim()}\n`)
}

await eachLine(process.stdin, line => void forward(line))
workerd.removeAllListeners('exit')
workerd.kill('SIGKILL')
await once(workerd, 'exit')
process.exit(0)
