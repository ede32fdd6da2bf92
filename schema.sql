-- What Millrace stores, version 3. The single truth: stores read this file, and users' SQL relies on these names.
-- Times are microseconds since 1970-01-01 UTC. Headers and payloads are JSON text, byte for byte as they were sent.

create table streams (
  stream_id integer primary key autoincrement,
  stream_key text not null,
  tenant text not null default '',
  -- http, websocket, millrace.v1, otlp-http or otlp-grpc
  transport text not null,
  -- of the request that began the stream; secrets are redacted
  headers text not null,
  remote_addr text not null,
  -- of the producer that may append; an older one is fenced
  epoch integer not null default 0,
  -- positions taken: events and dead letters
  count integer not null default 0,
  opened_at integer not null,
  last_at integer not null,
  closed_at integer,
  unique (tenant, stream_key)
) strict;

create table events (
  event_id integer primary key autoincrement,
  stream_id integer not null,
  -- position in the stream, from 0
  stream_index integer not null,
  received_at integer not null,
  payload text not null,
  insert_datetime text generated always as (strftime('%Y-%m-%d %H:%M:%S', received_at / 1000000, 'unixepoch')) virtual
) strict;

-- Reads of one stream, and the proof that no position is stored twice. Its price: `npm run bench index-cost`.
create unique index events_by_stream on events (stream_id, stream_index);

create table dead_letters (
  dead_letter_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  received_at integer not null,
  code text not null,
  message text not null,
  -- bytes as sent; raw holds the first of them where the event limit cut it
  size integer not null,
  raw blob not null,
  -- event, or record: one of OpenTelemetry, which no retry can store
  kind text not null default 'event',
  unique (stream_id, stream_index)
) strict;

create table tokens (
  token_id integer primary key autoincrement,
  name text not null,
  -- SHA-256 of the token, hex
  hash text not null unique,
  -- JSON array of ingest, read, admin
  scopes text not null,
  tenant text not null default '',
  -- null: no limit
  events_per_second integer,
  bytes_per_second integer,
  created_at integer not null,
  revoked_at integer
) strict;
create unique index living_tokens_by_name on tokens (name) where revoked_at is null;

-- OpenTelemetry: columns of the names that OTAP gives them (core/otlp/tables.ts), then ours. Nanoseconds and unsigned
-- counts are exact: above 2^63-1 they are decimal text. A NaN is the text NaN. Attributes and *_json are JSON text.

create table otlp_logs (
  time_unix_nano any,
  observed_time_unix_nano any,
  trace_id text,
  span_id text,
  service_name text,
  service_namespace text,
  service_instance_id text,
  severity_number integer,
  severity_text text,
  event_name text,
  body text,
  resource_attributes text,
  scope_name text,
  scope_version text,
  scope_attributes text,
  log_attributes text,
  dropped_attributes_count integer,
  flags integer,
  schema_url text,
  record_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  tenant text not null,
  received_at integer not null
) strict;
create unique index otlp_logs_by_stream on otlp_logs (stream_id, stream_index);

create table otlp_traces (
  start_time_unix_nano any,
  duration_time_unix_nano any,
  trace_id text,
  span_id text,
  parent_span_id text,
  trace_state text,
  service_name text,
  service_namespace text,
  service_instance_id text,
  name text,
  kind integer,
  status_code integer,
  status_status_message text,
  resource_attributes text,
  scope_name text,
  scope_version text,
  scope_attributes text,
  span_attributes text,
  events_json text,
  links_json text,
  dropped_attributes_count integer,
  dropped_events_count integer,
  dropped_links_count integer,
  flags integer,
  schema_url text,
  record_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  tenant text not null,
  received_at integer not null
) strict;
create unique index otlp_traces_by_stream on otlp_traces (stream_id, stream_index);

create table otlp_metrics_gauge (
  time_unix_nano any,
  start_time_unix_nano any,
  name text,
  description text,
  unit text,
  int_value integer,
  double_value any,
  service_name text,
  service_namespace text,
  service_instance_id text,
  resource_attributes text,
  scope_name text,
  scope_version text,
  scope_attributes text,
  metric_attributes text,
  flags integer,
  exemplars_json text,
  schema_url text,
  record_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  tenant text not null,
  received_at integer not null
) strict;
create unique index otlp_metrics_gauge_by_stream on otlp_metrics_gauge (stream_id, stream_index);

create table otlp_metrics_sum (
  time_unix_nano any,
  start_time_unix_nano any,
  name text,
  description text,
  unit text,
  int_value integer,
  double_value any,
  service_name text,
  service_namespace text,
  service_instance_id text,
  resource_attributes text,
  scope_name text,
  scope_version text,
  scope_attributes text,
  metric_attributes text,
  flags integer,
  exemplars_json text,
  aggregation_temporality integer,
  is_monotonic integer,
  schema_url text,
  record_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  tenant text not null,
  received_at integer not null
) strict;
create unique index otlp_metrics_sum_by_stream on otlp_metrics_sum (stream_id, stream_index);

create table otlp_metrics_histogram (
  time_unix_nano any,
  start_time_unix_nano any,
  name text,
  description text,
  unit text,
  count any,
  sum any,
  min any,
  max any,
  bucket_counts text,
  explicit_bounds text,
  service_name text,
  service_namespace text,
  service_instance_id text,
  resource_attributes text,
  scope_name text,
  scope_version text,
  scope_attributes text,
  metric_attributes text,
  flags integer,
  exemplars_json text,
  aggregation_temporality integer,
  schema_url text,
  record_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  tenant text not null,
  received_at integer not null
) strict;
create unique index otlp_metrics_histogram_by_stream on otlp_metrics_histogram (stream_id, stream_index);

create table otlp_metrics_exp_histogram (
  time_unix_nano any,
  start_time_unix_nano any,
  name text,
  description text,
  unit text,
  count any,
  sum any,
  min any,
  max any,
  scale integer,
  zero_count any,
  zero_threshold any,
  positive_offset integer,
  positive_bucket_counts text,
  negative_offset integer,
  negative_bucket_counts text,
  service_name text,
  service_namespace text,
  service_instance_id text,
  resource_attributes text,
  scope_name text,
  scope_version text,
  scope_attributes text,
  metric_attributes text,
  flags integer,
  exemplars_json text,
  aggregation_temporality integer,
  schema_url text,
  record_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  tenant text not null,
  received_at integer not null
) strict;
create unique index otlp_metrics_exp_histogram_by_stream on otlp_metrics_exp_histogram (stream_id, stream_index);

create table otlp_metrics_summary (
  time_unix_nano any,
  start_time_unix_nano any,
  name text,
  description text,
  unit text,
  count any,
  sum any,
  quantile_values text,
  service_name text,
  service_namespace text,
  service_instance_id text,
  resource_attributes text,
  scope_name text,
  scope_version text,
  scope_attributes text,
  metric_attributes text,
  flags integer,
  schema_url text,
  record_id integer primary key autoincrement,
  stream_id integer not null,
  stream_index integer not null,
  tenant text not null,
  received_at integer not null
) strict;
create unique index otlp_metrics_summary_by_stream on otlp_metrics_summary (stream_id, stream_index);

-- What was stored at an offset, so that the same request, sent again, is known for it.
create table otlp_requests (
  stream_id integer not null,
  stream_index integer not null,
  positions integer not null,
  -- of the body, 16 bytes
  digest blob not null,
  primary key (stream_id, stream_index)
) strict, without rowid;

-- Scheduled jobs, as the last process that runs them has read them.
create table jobs (
  job text primary key,
  -- pipeline, compact, retention or vacuum
  kind text not null,
  schedule text not null,
  time_zone text not null,
  enabled integer not null,
  -- times before this are not missed: it became known, or its schedule changed
  since integer not null,
  -- null: never again, or not enabled
  next_at integer
) strict;

create table job_runs (
  run_id integer primary key autoincrement,
  job text not null,
  -- the time of the schedule; null: asked for by hand
  due_at integer,
  started_at integer not null,
  finished_at integer,
  -- running, ok, failed, timeout, skipped or abandoned (its process ended before it did)
  outcome text not null,
  attempts integer not null default 0,
  message text not null default '',
  -- JSON object of numbers: rows, bytes
  figures text not null default '{}',
  -- pid and host of the process
  holder text not null,
  -- a run whose process gives no sign of life until then is abandoned
  lease_until integer not null
) strict;
create index job_runs_by_job on job_runs (job);
-- The proof that no job runs twice at once.
create unique index running_jobs on job_runs (job) where outcome = 'running';
