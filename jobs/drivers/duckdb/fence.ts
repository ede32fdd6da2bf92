import { resolve } from 'node:path'
import duckdb, { type Database } from '@duckdb/node-bindings'
import { type DuckDbOptions, literal } from './duckdb.ts'
import { duckDbError } from './errors.ts'

/** Opens a database in memory that reaches nothing but what `allow` names, and whose settings stay as they are. */
export async function openFenced({
  memory = '1GiB',
  temporary = '',
  threads = 1,
  allow = [],
  integerDivision = false,
}: DuckDbOptions): Promise<Database> {
  const config = duckdb.create_config()
  const settings = {
    memory_limit: memory,
    temp_directory: temporary,
    threads: String(threads),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  }
  try {
    for (const [name, value] of Object.entries(settings)) duckdb.set_config(config, name, value)
    const database = await duckdb.open(':memory:', config)
    const connection = await duckdb.connect(database)
    // Each as it is written and as an absolute path; which of them are folders need not be known
    const paths = list(allow.flatMap(path => [path, resolve(path)]))
    await duckdb.query(
      connection,
      `set global TimeZone = 'UTC';
       -- Plans of an empty table would outlive the emptiness: \`coalesce(x, 'y')\` would be 'y' for ever
       set global disabled_optimizers = 'statistics_propagation';
       -- Files are read once: they would fill the memory up to its limit
       set global enable_external_file_cache = false;
       set global integer_division = ${integerDivision};
       set global allowed_directories = ${paths};
       set global allowed_paths = ${paths};
       set global enable_external_access = false;
       set global lock_configuration = true;`,
    )
    duckdb.disconnect_sync(connection)
    return database
  } catch (error) {
    throw duckDbError(error)
  }
}

const list = (paths: readonly string[]) => `[${[...new Set(paths)].map(literal).join(', ')}]`
