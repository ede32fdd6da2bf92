import { openPostgres } from './postgres.ts'
import type { RemoteAnswer, RemoteCall } from './remote.suite.ts'

/** The program of `startRemote`: a gateway's store in a process of its own. */

const store = await openPostgres({ url: process.argv[2]!, lanes: 2 })
const send = (answer: RemoteAnswer) => process.send?.(answer)
process.on('disconnect', () => process.exit(1))
process.on('message', ({ id, request }: RemoteCall) => {
  store.append(request).then(
    outcome => send({ id, outcome }),
    error => send({ id, failure: String(error) }),
  )
})
send({ id: 0 })
