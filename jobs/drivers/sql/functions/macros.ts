/**
 * Functions of the model's engine that DuckDB has under another name, or with another meaning, as what follows
 * `CREATE MACRO name`. `system.main.x` is DuckDB's own function where a macro here has its name.
 */
type Macros = Readonly<Record<string, string>>

const numbers: Macros = {
  iszero: '(x) as x = 0',
  nanvl: '(x, y) as case when isnan(x) then y else x end',
  nvl: '(x, y) as coalesce(x, y)',
  nvl2: '(x, y, z) as case when x is not null then y else z end',
  signum: '(x) as sign(x)::double',
  coalesce_meta:
    '(a) as a, (a, b) as coalesce(a, b), (a, b, c) as coalesce(a, b, c), (a, b, c, d) as coalesce(a, b, c, d)',
}

const texts: Macros = {
  btrim: '(s) as trim(s), (s, characters) as trim(s, characters)',
  charlength: '(s) as length(s)',
  lowercase: '(s) as lower(s)',
  uppercase: '(s) as upper(s)',
  startswith: '(s, t) as starts_with(s, t)',
  endswith: '(s, t) as ends_with(s, t)',
  lpad: "(s, n) as system.main.lpad(s, n::integer, ' '), (s, n, fill) as system.main.lpad(s, n::integer, fill)",
  rpad: "(s, n) as system.main.rpad(s, n::integer, ' '), (s, n, fill) as system.main.rpad(s, n::integer, fill)",
  find_in_set: "(s, list) as coalesce(list_position(string_split(list, ','), s), 0)",
  overlay:
    '(s, t, p) as substr(s, 1, p - 1) || t || substr(s, p + length(t)), (s, t, p, n) as substr(s, 1, p - 1) || t || substr(s, p + n)',
  substr_index: `(s, d, n) as case when n > 0 then array_to_string(string_split(s, d)[1:n], d)
    when n < 0 then array_to_string(string_split(s, d)[n:], d) else '' end`,
  substring_index: '(s, d, n) as substr_index(s, d, n)',
  to_hex: '(x) as lower(system.main.to_hex(x))',
  hex: '(x) as lower(system.main.to_hex(x))',
  split: "(s, d) as case when d = '' then string_split(s, '') else string_split(s, d) end",
  split_index: "(s, d, n) as case when n >= 0 then (case when d = '' then [s] else string_split(s, d) end)[n + 1] end",
  bin: "(x) as case when x < 0 then '-' || system.main.bin((-x)::ubigint) else system.main.bin(x) end",
  locate: `(t, s) as instr(s, t),
    (t, s, n) as case when n < 1 then 0 when strpos(substr(s, n), t) = 0 then 0 else strpos(substr(s, n), t) + n - 1 end`,
  uuid7: '() as uuidv7()::varchar',
  _gs_split_string_to_array: "(s) as string_split(s, ' '), (s, d) as string_split(s, d)",
}

const patterns: Macros = {
  // `~` and SIMILAR TO look for a match anywhere in the text, as in the model's engine
  regexp_full_match: '(s, p) as regexp_matches(s, p)',
  regexp: '(s, p) as regexp_matches(s, p)',
  similar: '(s, p) as regexp_matches(s, p)',
  mr_regexp_like_i: "(s, p) as regexp_matches(s, p, 'i')",
  mr_regexp_unlike_i: "(s, p) as not regexp_matches(s, p, 'i')",
  regexp_count: '(s, p) as len(system.main.regexp_extract_all(s, p))::bigint',
  regexp_substr: '(s, p) as case when regexp_matches(s, p) then system.main.regexp_extract(s, p) end',
  regexp_extract: `(s, p) as case when regexp_matches(s, p) then system.main.regexp_extract(s, p) end,
    (s, p, n) as case when regexp_matches(s, p) then system.main.regexp_extract(s, p, n) end`,
  regexp_extract_all:
    '(s, p) as system.main.regexp_extract_all(s, p, 1), (s, p, n) as system.main.regexp_extract_all(s, p, n)',
  regexp_instr: `(s, p) as case when regexp_matches(s, p)
    then length(system.main.regexp_extract(s, '(?s:^(.*?))(?:' || p || ')', 1)) + 1 else 0 end`,
  // The replacement is taken as it is
  regexp_replace: `(s, p, t) as system.main.regexp_replace(s, p, replace(t, '\\', '\\\\'), 'g')`,
}

const isNumber =
  "regexp_matches(typeof(x), '^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL.*|.*LITERAL)$') and typeof(x) <> 'STRING_LITERAL'"
const unit = (perSecond: number) =>
  `make_timestamp((try_cast(x::varchar as decimal(38, 9)) * ${1_000_000 / perSecond})::bigint)`
const moment = (perSecond: number, type: string) =>
  `(x) as (case when ${isNumber} then ${unit(perSecond)} else cast(x::varchar as timestamp) end)::${type},
   (x, f) as strptime(x::varchar, f)::${type}`

const times: Macros = {
  to_timestamp: moment(1, 'timestamp'),
  to_timestamp_seconds: moment(1, 'timestamp_s'),
  to_timestamp_millis: moment(1_000, 'timestamp_ms'),
  to_timestamp_micros: moment(1_000_000, 'timestamp'),
  to_timestamp_nanos: `(x) as case when ${isNumber} then make_timestamp_ns(try_cast(x::varchar as bigint)) else cast(x::varchar as timestamp_ns) end`,
  from_unixtime: '(x) as make_timestamp(x::bigint * 1000000)::timestamp_s',
  to_unixtime: '(x) as epoch(cast(x::varchar as timestamp))::bigint, (x, f) as epoch(strptime(x::varchar, f))::bigint',
  to_date: '(x) as cast(x as date), (x, f) as strptime(x, f)::date',
  to_time: '(x) as cast(x as time), (x, f) as strptime(x, f)::time',
  to_local_time: '(x) as cast(x as timestamp)',
  to_char: '(x, f) as strftime(x, f)',
  date_format: '(x, f) as strftime(x, f)',
  date_bin: `(i, x) as time_bucket(i::interval, x, timestamp '1970-01-01'),
    (i, x, origin) as time_bucket(i::interval, x, origin)`,
  current_time: '() as now()::timestamp::time',
}

/** Under `array_` and `list_`. */
const lists: Macros = {
  any_value: '(l) as list_filter(l, lambda x: x is not null)[1]',
  element: '(l, n) as l[n]',
  empty: '(l) as len(l) = 0',
  except: '(a, b) as list_filter(a, lambda x, i: not list_contains(b, x) and list_position(a, x) = i)',
  join: `(l, d) as system.main.array_to_string(l, d),
    (l, d, n) as system.main.array_to_string(list_transform(l, lambda x: coalesce(x::varchar, n)), d)`,
  to_string: `(l, d) as system.main.array_to_string(l, d),
    (l, d, n) as system.main.array_to_string(list_transform(l, lambda x: coalesce(x::varchar, n)), d)`,
  max: "(l) as list_aggregate(l, 'max')",
  min: "(l) as list_aggregate(l, 'min')",
  length: '(l) as len(l)::ubigint, (l, n) as case when n = 1 then len(l)::ubigint else len(l[1])::ubigint end',
  positions: '(l, x) as list_filter(range(1, len(l) + 1), lambda i: l[i] is not distinct from x)',
  pop_back: '(l) as l[:-2]',
  pop_front: '(l) as l[2:]',
  push_back: '(l, x) as list_append(l, x)',
  push_front: '(x, l) as list_prepend(x, l)',
  remove: `(l, x) as case when list_position(l, x) is null then l
    else list_concat(l[:list_position(l, x) - 1], l[list_position(l, x) + 1:]) end`,
  remove_all: '(l, x) as list_filter(l, lambda y: y is distinct from x)',
  repeat: '(x, n) as list_transform(range(n), lambda i: x)',
  replace: '(l, x, y) as list_transform(l, lambda z, i: case when i = list_position(l, x) then y else z end)',
  replace_all: '(l, x, y) as list_transform(l, lambda z: case when z is not distinct from x then y else z end)',
  union: '(a, b) as list_filter(list_concat(a, b), lambda x, i: list_position(list_concat(a, b), x) = i)',
}

const rows: Macros = {
  empty: '(l) as len(l) = 0',
  arrays_overlap: '(a, b) as list_has_any(a, b)',
  get_field: '(s, name) as struct_extract(s, name)',
  to_large_list: '(l) as l',
  array_enumerate: '(l) as list_transform(l, lambda x, i: struct_pack(index := (i - 1)::bigint, value := x))',
  mr_array_filter:
    '(l, f, v) as list_filter(l, lambda x: x is not null and struct_extract(x, f) is not distinct from v)',
  array_filter_first: '(l, f, v) as mr_array_filter(l, f, v)[1]',
  array_filter_in: '(l, f, v) as list_filter(l, lambda x: list_contains(v, struct_extract(x, f)))',
  array_struct_field: '(l, f) as list_transform(l, lambda x: struct_extract(x, f))',
  _gs_map_to_array_struct: '(m) as map_entries(m)',
  _gs_generate_series: '(a, b) as generate_series(a, b), (a, b, s) as generate_series(a, b, s)',
  _gs_zip_arrays: zip(),
  array_zip: zip(),
}

function zip(): string {
  return ['a b', 'a b c', 'a b c d']
    .map(names => {
      const arrays = names.split(' ')
      const lengths = arrays.slice(1).map(name => `len(a) <> len(${name})`)
      const fields = arrays.map((name, index) => `f${index} := ${name}[i]`)
      return `(${arrays.join(', ')}) as case when ${lengths.join(' or ')}
        then error('the arrays to zip must have the same length')
        else coalesce(list_transform(range(1, len(a) + 1), lambda i: struct_pack(${fields.join(', ')})), []) end`
    })
    .join(', ')
}

const under = (prefix: string, macros: Macros) =>
  Object.fromEntries(Object.entries(macros).map(([name, text]) => [`${prefix}${name}`, text]))

// `array_length`, `list_any_value` and the like are left as they are where DuckDB's own do the same
export const macros: Macros = {
  ...numbers,
  ...texts,
  ...patterns,
  ...times,
  ...under('array_', lists),
  ...under('list_', lists),
  ...rows,
}
