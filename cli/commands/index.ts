import type { CommandModule } from './command.ts'

interface Entry {
  summary: string
  load: () => Promise<CommandModule>
}

/** Every command, in the order of `--help`. Only the one that runs is loaded. */
export const commands: Readonly<Record<string, Entry>> = {
  serve: { summary: 'run the gateway', load: () => import('./serve.ts') },
  run: { summary: 'run pipelines: from what was caught to tables', load: () => import('./run.ts') },
  check: { summary: 'look for mistakes in pipeline files', load: () => import('./check.ts') },
  test: { summary: 'run the unit tests of pipelines', load: () => import('./test.ts') },
  schedule: { summary: 'run jobs at their times', load: () => import('./schedule.ts') },
  send: { summary: 'send NDJSON files or stdin to a gateway, exactly once', load: () => import('./send.ts') },
  tail: { summary: 'follow events as they are stored', load: () => import('./tail.ts') },
  streams: { summary: 'list, show and delete streams', load: () => import('./streams.ts') },
  query: { summary: 'run one SELECT over what was caught', load: () => import('./query.ts') },
  dlq: { summary: 'list, show, retry and purge dead letters', load: () => import('./dlq.ts') },
  token: { summary: 'create, list and revoke tokens', load: () => import('./token.ts') },
  otlp: { summary: 'import OpenTelemetry files, or write them as Parquet', load: () => import('./otlp.ts') },
  config: { summary: 'print the configuration and where it comes from', load: () => import('./config.ts') },
  completion: { summary: 'print a completion script for your shell', load: () => import('./completion.ts') },
  version: { summary: 'print the version', load: () => import('./version.ts') },
}
