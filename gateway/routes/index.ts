import type { Hono } from 'hono'
import type { AppDeps, Env } from '../context.ts'
import { deadLetters } from './dead-letters.ts'
import { events } from './events.ts'
import { health } from './health.ts'
import { jobs } from './jobs.ts'
import { metrics } from './metrics.ts'
import { otlp } from './otlp.ts'
import { query } from './query.ts'
import { root } from './root.ts'
import { streams } from './streams.ts'
import { tail } from './tail.ts'

/** One line per route family. */
export const routes: Record<string, (app: Hono<Env>, deps: AppDeps) => void> = {
  root,
  events,
  otlp,
  streams,
  tail,
  query,
  deadLetters,
  jobs,
  health,
  metrics,
}
