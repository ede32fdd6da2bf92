/** JSON functions of the model over DuckDB's; paths may have steps `['key']`, which DuckDB writes `."key"`. */
const path = `regexp_replace(p, '\\[''([^'']*)''\\]', '."\\1"', 'g')`
const kind = `json_type(j, ${path.replace('regexp_replace', 'system.main.regexp_replace')})`
const found = `json_extract(j, ${path.replace('regexp_replace', 'system.main.regexp_replace')})`
const scalar = `case when ${kind} not in ('OBJECT', 'ARRAY', 'NULL') then ${found}->>'$' end`

const fallback = (how: string, value: string, message: string) =>
  `case upper(${how}) when 'DEFAULT' then ${value} when 'ERROR' then error('${message}') end`
const empty = (how: string, message: string) => `case upper(${how}) when 'EMPTY ARRAY' then '[]'
  when 'EMPTY OBJECT' then '{}' when 'ERROR' then error('${message}') end`
const wrapped = `case upper(w)
  when 'WITH UNCONDITIONAL ARRAY' then '[' || ${found}::varchar || ']'
  when 'WITH CONDITIONAL ARRAY' then case when ${kind} in ('OBJECT', 'ARRAY') then ${found}::varchar else '[' || ${found}::varchar || ']' end
  else case when ${kind} in ('OBJECT', 'ARRAY') then ${found}::varchar end end`
const parsed = "case when trim(j) <> '' then system.main.json(j)::varchar end"
const tried = `case when json_valid(j) then system.main.json(j)::varchar end`

export const jsonMacros: Readonly<Record<string, string>> = {
  json_value: `(j, p) as case when json_valid(j) then ${scalar} end,
    (j, p, shape, e, ed, r, rd) as case when j is null then null
      when not json_valid(j) then ${fallback('r', 'rd', 'json_value: the text is no JSON')}
      else coalesce(${scalar}, ${fallback('e', 'ed', 'json_value: there is no value at the path')}) end`,
  json_query: `(j, p) as case when json_valid(j) and ${kind} in ('OBJECT', 'ARRAY') then ${found}::varchar end,
    (j, p, shape, w, e, r) as case when j is null then null
      when not json_valid(j) then ${empty('r', 'json_query: the text is no JSON')}
      else coalesce(${wrapped}, ${empty('e', 'json_query: there is no object or array at the path')}) end`,
  json_exists: `(j, p) as case when json_valid(j) then coalesce(${kind} <> 'NULL', false) when j is not null then false end,
    (j, p, r) as case when json_valid(j) then coalesce(${kind} <> 'NULL', false) when j is null then null
      else case upper(r) when 'TRUE' then true when 'UNKNOWN' then null
        when 'ERROR' then error('json_exists: the text is no JSON') else false end end`,
  json: `(j) as ${parsed}`,
  parse_json: `(j) as ${parsed}, (j, duplicates) as ${parsed}`,
  try_parse_json: `(j) as ${tried}, (j, duplicates) as ${tried}`,
  is_json: `(j) as coalesce(json_valid(j), false),
    (j, t) as coalesce(json_valid(j) and case upper(t) when 'OBJECT' then json_type(j) = 'OBJECT'
      when 'ARRAY' then json_type(j) = 'ARRAY' when 'SCALAR' then json_type(j) not in ('OBJECT', 'ARRAY') else true end, false)`,
}
