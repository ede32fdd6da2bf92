/** Rows of six columns, the same each time: what the pipelines of `sql` and `pipeline` read. */

/** `rows` orders, as a SELECT of DuckDB: a second apart, about three quarters of them of 250 and more. */
export const ordersSql = (rows: number): string => `
  select i as id,
    'customer-' || (hash(i) % 50000) as customer,
    ['DE', 'FR', 'US', 'JP', 'BR'][1 + (hash(i, 1) % 5)::int] as country,
    round((hash(i, 2) % 100000000) / 100000.0, 2) as amount,
    timestamp '2026-01-01' + to_seconds(i) as ordered_at,
    format('{{"sku":"sku-{}","quantity":{},"gift":{}}}', hash(i, 3) % 10000, hash(i, 4) % 9 + 1, hash(i, 5) % 2 = 0) as detail
  from range(${rows}) t(i)`

/** Projection, filter, a function on text and one on JSON; `orders` is what it reads. */
export const pickedSql = (orders: string): string => `
  select id, lower(country) as country, amount * 1.19 as gross, ordered_at,
    json_extract_string(detail, '$.sku') as sku
  from ${orders}
  where amount >= 250`

const isNdjson = (path: string) => path.endsWith('.ndjson')

/** The file as a table of DuckDB. Lines hold `detail` as an object, which both sides take as JSON. */
export const ordersTable = (path: string): string =>
  isNdjson(path)
    ? `read_json('${path}', format = 'newline_delimited', columns = { id: 'BIGINT', customer: 'VARCHAR',
         country: 'VARCHAR', amount: 'DOUBLE', ordered_at: 'TIMESTAMP', detail: 'JSON' })`
    : `read_parquet('${path}')`

/** The query as a pipeline; `sink` takes the rows of `picked`. */
export const ordersPipeline = (path: string, sink: object) => ({
  sources: {
    orders: {
      type: 'file',
      path,
      mode: { type: 'bounded' },
      primary_key: 'id',
      ...(isNdjson(path) && { schema: { detail: 'json' } }),
    },
  },
  transforms: { picked: { type: 'sql', primary_key: 'id', sql: pickedSql('orders') } },
  sinks: { out: { ...sink, from: 'picked' } },
})
