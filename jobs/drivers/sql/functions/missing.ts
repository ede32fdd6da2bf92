/** What the model has and Millrace has not, with what to do instead. */
const decimals = 'numbers of any precision are not supported: use DECIMAL(38, n), or u256_… and i256_… over text'
const aggregates = 'aggregates would see one batch only: use an aggregate sink'
const arrow = 'types of Arrow are not visible to SQL: use typeof(x)'

export const missing: ReadonlyMap<string, string> = new Map([
  ...['add', 'sub', 'mul', 'div', 'mod', 'neg', 'abs', 'eq', 'neq', 'lt', 'lte', 'gt', 'gte'].map(
    name => [`decimal_arb_${name}`, decimals] as const,
  ),
  ...['to_string', 'to_sort_key', 'to_decimal128', 'to_decimal256'].map(
    name => [`decimal_arb_${name}`, decimals] as const,
  ),
  ...['string', 'decimal128', 'decimal256', 'int'].map(name => [`to_decimal_arb_from_${name}`, decimals] as const),
  ...['arrayagg_null_on_null', 'arrayagg_absent_on_null', 'objectagg_null_on_null', 'objectagg_absent_on_null'].map(
    name => [`json_${name}`, aggregates] as const,
  ),
  ...['arrow_typeof', 'arrow_metadata', 'arrow_field'].map(name => [name, arrow] as const),
  ['_gs_xxhash', 'use xxhash(x)'],
  ['_gs_json_objects_to_clickhouse_tuples', 'build the text with list_transform and array_to_string'],
  ['array_dims', 'use array_length'],
  ['list_dims', 'use array_length'],
  ['array_ndims', 'the depth is that of the type'],
  ['list_ndims', 'the depth is that of the type'],
  ['array_remove_n', 'use array_remove or array_remove_all'],
  ['list_remove_n', 'use array_remove or array_remove_all'],
  ['array_replace_n', 'use array_replace or array_replace_all'],
  ['list_replace_n', 'use array_replace or array_replace_all'],
])
