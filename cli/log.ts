/** Notices for people, on stderr. The gateway has a structured log of its own. */

export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type Level = (typeof levels)[number]

let least = levels.indexOf('info')

export function setLevel(level: Level): void {
  least = levels.indexOf(level)
}

export function debug(message: string): void {
  write('debug', message)
}

export function info(message: string): void {
  write('info', message)
}

export function warn(message: string): void {
  write('warn', message)
}

/** Why the command failed; `silent` does not hide it, since the exit code alone explains nothing. */
export function failure(message: string): void {
  process.stderr.write(`millrace: ${message}\n`)
}

export function isEnabled(level: Level): boolean {
  return levels.indexOf(level) >= least
}

function write(level: Level, message: string): void {
  if (isEnabled(level)) process.stderr.write(`millrace: ${message}\n`)
}
