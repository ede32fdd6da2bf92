import { openPostgresState } from './postgres.ts'

/**
 * The program of `processes.test.ts`: holds the lock of a namespace, and writes one change after the other until it is
 * killed. Says each step to its parent.
 */
const [settings, namespace] = process.argv.slice(2) as [string, string]
const send = (message: unknown) => process.send!(message)
process.on('disconnect', () => process.exit(1))

try {
  const state = await openPostgresState(JSON.parse(settings))
  await state.lock(namespace)
  send('locked')
  for (let n = 1; ; n++) {
    const dead = { node: 'n', epoch: n, code: 'c', message: 'm', row: '{}', retryable: true, size: 2, at: 1 }
    const set = new Map(Array.from({ length: 20 }, (_, k) => [`key ${k}`, n]))
    await state.write(namespace, { set, dead: [dead] })
    send(n)
  }
} catch (error) {
  send(`${(error as { code: string }).code}: ${(error as Error).message}`)
  process.disconnect()
}
