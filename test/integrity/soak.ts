import { parseArgs } from 'node:util'
import { killRun } from './kill/run.ts'

/**
 * `npm run soak -- --kills 1000 --seed 1`: the long form of ack-means-stored, or with `--otlp` of otlp-ack-means-stored.
 * Ends with 1 at the first broken promise.
 */

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    otlp: { type: 'boolean', default: false },
  },
})
let left = Number(values.kills)
let seed = Number(values.seed)
const total = { kills: 0, acked: 0, stored: 0, streams: 0, seconds: 0, worstRecoveryMs: 0 }
// a fresh store now and then: a soak of one ever larger file tests mostly the disk
while (left > 0) {
  const kills = Math.min(left, 100)
  const result = await killRun({ kills, seed, kind: values.otlp ? 'otlp' : 'events' })
  total.kills += kills
  total.acked += result.acked
  total.stored += result.stored
  total.streams += result.streams
  total.seconds += result.seconds
  total.worstRecoveryMs = Math.max(total.worstRecoveryMs, result.recovery.worst)
  process.stderr.write(`seed ${seed}: ${JSON.stringify(result)}\n`)
  if (result.violations.length > 0) process.exit(1)
  left -= kills
  seed++
}
process.stdout.write(`${JSON.stringify(total)}\n`)
