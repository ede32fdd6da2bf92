import { formatDuration, formatSize } from '../../core/units.ts'
import * as log from '../log.ts'

/** What a transfer has done so far. */
export interface View {
  /** values dealt with */
  events: number
  /** what they are called; default events */
  unit?: string
  /** bytes dealt with, and of the whole input where that is known */
  bytes: number
  totalBytes: number | undefined
  /** milliseconds since the beginning */
  ms: number
  /** why nothing moves, while nothing moves */
  waiting: string | undefined
}

export interface Progress {
  update(view: Omit<View, 'ms'>): void
  /** Removes the bar; once more does nothing. */
  stop(): void
}

const redrawMs = 100
const lineMs = 5000

/** A bar on a terminal, a line every few seconds elsewhere; nothing where notices are not wanted. */
export function startProgress(out: NodeJS.WriteStream): Progress {
  if (!log.isEnabled('info')) return { update: () => {}, stop: () => {} }
  const began = performance.now()
  let view: View | undefined
  const draw = () => {
    if (view === undefined) return
    view.ms = performance.now() - began
    if (out.isTTY) out.write(`\r${bar(view, out.columns || 80)}\x1b[K`)
    else log.info(line(view))
  }
  const timer = setInterval(draw, out.isTTY ? redrawMs : lineMs)
  timer.unref()
  return {
    update(next) {
      view = { ...next, ms: 0 }
    },
    stop() {
      clearInterval(timer)
      if (out.isTTY && view !== undefined) out.write('\r\x1b[K')
      view = undefined
    },
  }
}

/** One line that is at most `columns` wide: `[#####     ] 50% 1,000 events, …`. */
export function bar(view: View, columns: number): string {
  const text = line(view)
  const width = Math.min(30, columns - text.length - 4)
  const drawn =
    view.totalBytes && width >= 8 ? `[${'#'.repeat(Math.round(fraction(view) * width)).padEnd(width)}] ` : ''
  return (drawn + text).slice(0, columns - 1)
}

export function line(view: View): string {
  const { events, unit = 'events', bytes, totalBytes, ms, waiting } = view
  const size = totalBytes === undefined ? formatSize(bytes) : `${formatSize(bytes)} of ${formatSize(totalBytes)}`
  const parts = [`${events.toLocaleString('en')} ${unit}`, size]
  if (waiting !== undefined) return [...parts, waiting].join(', ')
  parts.push(`${Math.round(events / Math.max(ms / 1000, 0.001)).toLocaleString('en')} ${unit}/s`)
  if (totalBytes !== undefined && bytes > 0 && bytes < totalBytes) {
    parts.unshift(`${Math.floor(fraction(view) * 100)}%`)
    parts.push(`${formatDuration((ms * (totalBytes - bytes)) / bytes)} left`)
  }
  return parts.join(', ')
}

function fraction({ bytes, totalBytes }: View): number {
  return totalBytes ? Math.min(1, bytes / totalBytes) : 0
}
