import type { Settings } from '../settings.ts'
import type { StateBackend, StateOptions } from './state.ts'

type Opener = (settings: Settings, options: StateOptions) => Promise<StateBackend>

/** One line per backend; only the one that the settings name is loaded. */
export const backends: Readonly<Record<Settings['state_backend']['backend_type'], Opener>> = {
  sqlite: async settings =>
    (await import('./sqlite/sqlite.ts')).openSqliteState(settings.state_backend.sqlite.database_path),
  postgres: async (settings, options) =>
    (await import('./postgres/postgres.ts')).openPostgresState(settings.state_backend.postgres, options),
  memory: async () => (await import('./memory/memory.ts')).openMemoryState(),
}

export function openState(settings: Settings, options: StateOptions = {}): Promise<StateBackend> {
  return backends[settings.state_backend.backend_type](settings, options)
}

/** What a run would fail at, as far as a server knows it before; makes nothing. Files and memory are not looked at. */
export async function lookAtState({ state_backend }: Settings): Promise<readonly unknown[]> {
  if (state_backend.backend_type !== 'postgres') return []
  try {
    return await (await import('./postgres/look.ts')).lookAtPostgresState(state_backend.postgres)
  } catch (error) {
    return [error]
  }
}
