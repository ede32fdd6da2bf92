import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { freePort, type RunningGateway, startGateway, tempDir } from './gateway.ts'

/** The gateway of a test file, on a store and a port of its own, so that it can be killed and started again. */
export function ownGateway() {
  const dir = tempDir()
  let port = 0
  let running: RunningGateway
  const start = async () => {
    running = await startGateway(['--store', `sqlite:${dir.path}/a.db`, '--port', String(port), '--log-level', 'error'])
  }

  before(async () => {
    port = await freePort()
    await start()
  })
  after(async () => {
    assert.equal(await running.end(), 0)
    dir.remove()
  })

  return {
    /** holds the store; removed at the end */
    folder: dir.path,
    start,
    get url() {
      return running.url
    },
    end: (signal?: NodeJS.Signals) => running.end(signal),
  }
}
