import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blocks, open, rejects } from './sql.suite.ts'
import { sql as definition } from './sql.ts'

test('what one batch cannot tell is refused by its name', async t => {
  const inputs = { a: blocks, b: blocks }
  const refused: Record<string, RegExp> = {
    'SELECT a.id FROM a JOIN b ON a.id = b.id': /^sql joins: joins need rows of other batches/,
    'SELECT a.id FROM a, b': /^sql joins/,
    'SELECT id FROM a NATURAL JOIN b': /^sql joins/,
    'SELECT id FROM a SEMI JOIN b USING (id)': /^sql joins/,
    'SELECT id FROM a, LATERAL (SELECT a.block) x': /^sql joins/,
    'SELECT id FROM a WHERE id IN (SELECT id FROM b)': /^sql uses a subquery in an expression/,
    'SELECT id FROM a WHERE EXISTS (SELECT 1)': /^sql uses a subquery in an expression/,
    'SELECT id, (SELECT 1) FROM a': /^sql uses a subquery in an expression/,
    'SELECT id, count(*) FROM a GROUP BY id': /^sql uses GROUP BY|^sql uses the aggregate/,
    'SELECT id FROM a GROUP BY ALL': /^sql uses GROUP BY/,
    'SELECT max(id) AS id FROM a': /^sql uses the aggregate max\(…\): it would aggregate each batch by itself/,
    'SELECT id FROM (SELECT sum(block) AS id FROM a) x': /^sql uses the aggregate sum/,
    'SELECT DISTINCT id FROM a': /^sql uses DISTINCT/,
    'SELECT id FROM a ORDER BY id': /^sql uses ORDER BY/,
    'SELECT id FROM (SELECT id FROM a LIMIT 5) x': /^sql uses LIMIT/,
    'SELECT id, row_number() OVER () FROM a': /^sql uses the window function row_number/,
    'SELECT id FROM a QUALIFY row_number() OVER () = 1': /^sql uses/,
    'SELECT id FROM a UNION SELECT id FROM b': /^sql uses UNION: only UNION ALL/,
    'SELECT id FROM a EXCEPT ALL SELECT id FROM b': /^sql uses EXCEPT ALL: only UNION ALL/,
    'WITH RECURSIVE r AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM r) SELECT id FROM r, a': /recursive|joins/,
    'SELECT id FROM a USING SAMPLE 10%': /^sql uses a sample/,
    'SELECT id FROM a TABLESAMPLE 10%': /^sql uses a sample/,
    'SELECT id FROM a; SELECT id FROM a': /^sql must be one SELECT, and is 2 statements/,
    'INSERT INTO a SELECT * FROM b': /^sql must be one SELECT/,
    'DROP TABLE a': /^sql must be one SELECT/,
    'DESCRIBE a': /^sql uses DESCRIBE/,
    "SELECT * FROM read_csv('/etc/passwd'), a": /^sql joins|^sql reads from read_csv/,
    "SELECT * FROM '/etc/passwd'": /sql reads '\/etc\/passwd', and has the inputs 'a', 'b'/,
    'SELECT id FROM duckdb_settings(), a': /^sql joins|^sql reads from duckdb_settings/,
    'SELECT id FROM a WHERE id = $1': /^sql uses a parameter/,
    'SELECT id FROM': /^sql cannot be read: syntax error at end of input/,
    '-- nothing': /^sql must be one SELECT, and is empty/,
  }
  for (const [sql, message] of Object.entries(refused)) if (sql !== '') await rejects(t, sql, message, { inputs })
})

test('a column that is not there is told once, with the one that was likely meant and the place', async t => {
  await rejects(
    t,
    'SELECT id,\n  blok FROM source',
    'Binder Error: Referenced column "blok" not found in FROM clause!; Candidate bindings: "block" (line 2, column 3)',
  )
})

test('a primary key that is not in the output is told in the words of the model', async t => {
  await rejects(
    t,
    'SELECT block, id, data FROM source',
    `Primary key validation failed for node 'node': columns ["does_not_exist"] not found in schema. Available columns: ["block","id","data","_gs_op"]`,
    { primary_key: 'id, does_not_exist' },
  )
  assert.throws(() => definition.config.parse({ sql: 'SELECT 1' }))
})

test('two columns of one name are refused', async t => {
  await rejects(t, 'SELECT id, data AS id FROM source', 'sql gives two columns named "id": rename one with AS')
})

test('SQL that is typed in hostility reaches no file and no other table', async t => {
  const hostile = [
    `SELECT id, (read_text('/etc/passwd')) AS x FROM source`,
    `SELECT id, getenv('HOME') AS x FROM source`,
    `SELECT id FROM source UNION ALL SELECT sql FROM sqlite_master`,
    `SELECT id FROM source UNION ALL SELECT name FROM duckdb_secrets()`,
    `SELECT id FROM source; COPY source TO '/tmp/millrace-x'`,
    `SELECT id FROM query('SELECT 1 AS id'), source`,
    `SELECT id FROM query_table(['source'])`,
    `SELECT ${'-'.repeat(1)}${'abs('.repeat(5000)}1${')'.repeat(5000)} AS id FROM source`,
    `SELECT ${'['.repeat(100_000)} AS id FROM source`,
  ]
  for (const sql of hostile)
    await assert.rejects(open(t, sql), { name: 'PipelineError', code: 'bad_pipeline' }, sql.slice(0, 80))
})
