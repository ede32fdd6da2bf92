import { openStore } from '../index.ts'
import type { RemoteAnswer, RemoteCall } from './remote.suite.ts'

/** The program of `startRemote`: a store in a process of its own. */

const [path, role, durability] = process.argv.slice(2)
const send = (answer: RemoteAnswer) => process.send!(answer)
const asFailure = (error: unknown) => {
  const { code, message } = error as { code?: string; message: string }
  return { code: code ?? '', message }
}

try {
  const store = await openStore(`sqlite:${path}`, {
    role: role as 'owner' | 'guest',
    durability: durability as 'full' | 'relaxed',
  })
  process.on('disconnect', () => process.exit(1))
  process.on('message', async ({ id, method, args }: RemoteCall) => {
    try {
      const value = await (store[method] as (...args: unknown[]) => unknown)(...args)
      send({ id, value })
    } catch (error) {
      send({ id, failure: asFailure(error) })
    }
    if (method === 'close') process.disconnect()
  })
  send({ id: 0, value: process.pid })
} catch (error) {
  send({ id: 0, failure: asFailure(error) })
  process.disconnect()
}
