/**
 * `migrations[k]` brings a database from schema version k + 1 to k + 2. Frozen once released, as are the databases of past
 * versions in `golden/`. A new database begins with `schema.sql`; a test proves that both ways lead to the same tables.
 */
export const migrations: readonly string[] = [
  `
alter table dead_letters add column kind text not null default 'event';
create table otlp_logs (
  time_unix_nano any, observed_time_unix_nano any, trace_id text, span_id text, service_name text,
  service_namespace text, service_instance_id text, severity_number integer, severity_text text,
  event_name text, body text, resource_attributes text, scope_name text, scope_version text,
  scope_attributes text, log_attributes text, dropped_attributes_count integer, flags integer, schema_url text,
  record_id integer primary key autoincrement, stream_id integer not null, stream_index integer not null,
  tenant text not null, received_at integer not null
) strict;
create unique index otlp_logs_by_stream on otlp_logs (stream_id, stream_index);
create table otlp_traces (
  start_time_unix_nano any, duration_time_unix_nano any, trace_id text, span_id text, parent_span_id text,
  trace_state text, service_name text, service_namespace text, service_instance_id text, name text,
  kind integer, status_code integer, status_status_message text, resource_attributes text, scope_name text,
  scope_version text, scope_attributes text, span_attributes text, events_json text, links_json text,
  dropped_attributes_count integer, dropped_events_count integer, dropped_links_count integer, flags integer,
  schema_url text, record_id integer primary key autoincrement, stream_id integer not null,
  stream_index integer not null, tenant text not null, received_at integer not null
) strict;
create unique index otlp_traces_by_stream on otlp_traces (stream_id, stream_index);
create table otlp_metrics_gauge (
  time_unix_nano any, start_time_unix_nano any, name text, description text, unit text, int_value integer,
  double_value any, service_name text, service_namespace text, service_instance_id text,
  resource_attributes text, scope_name text, scope_version text, scope_attributes text, metric_attributes text,
  flags integer, exemplars_json text, schema_url text, record_id integer primary key autoincrement,
  stream_id integer not null, stream_index integer not null, tenant text not null, received_at integer not null
) strict;
create unique index otlp_metrics_gauge_by_stream on otlp_metrics_gauge (stream_id, stream_index);
create table otlp_metrics_sum (
  time_unix_nano any, start_time_unix_nano any, name text, description text, unit text, int_value integer,
  double_value any, service_name text, service_namespace text, service_instance_id text,
  resource_attributes text, scope_name text, scope_version text, scope_attributes text, metric_attributes text,
  flags integer, exemplars_json text, aggregation_temporality integer, is_monotonic integer, schema_url text,
  record_id integer primary key autoincrement, stream_id integer not null, stream_index integer not null,
  tenant text not null, received_at integer not null
) strict;
create unique index otlp_metrics_sum_by_stream on otlp_metrics_sum (stream_id, stream_index);
create table otlp_metrics_histogram (
  time_unix_nano any, start_time_unix_nano any, name text, description text, unit text, count any, sum any,
  min any, max any, bucket_counts text, explicit_bounds text, service_name text, service_namespace text,
  service_instance_id text, resource_attributes text, scope_name text, scope_version text,
  scope_attributes text, metric_attributes text, flags integer, exemplars_json text,
  aggregation_temporality integer, schema_url text, record_id integer primary key autoincrement,
  stream_id integer not null, stream_index integer not null, tenant text not null, received_at integer not null
) strict;
create unique index otlp_metrics_histogram_by_stream on otlp_metrics_histogram (stream_id, stream_index);
create table otlp_metrics_exp_histogram (
  time_unix_nano any, start_time_unix_nano any, name text, description text, unit text, count any, sum any,
  min any, max any, scale integer, zero_count any, zero_threshold any, positive_offset integer,
  positive_bucket_counts text, negative_offset integer, negative_bucket_counts text, service_name text,
  service_namespace text, service_instance_id text, resource_attributes text, scope_name text,
  scope_version text, scope_attributes text, metric_attributes text, flags integer, exemplars_json text,
  aggregation_temporality integer, schema_url text, record_id integer primary key autoincrement,
  stream_id integer not null, stream_index integer not null, tenant text not null, received_at integer not null
) strict;
create unique index otlp_metrics_exp_histogram_by_stream on otlp_metrics_exp_histogram (stream_id, stream_index);
create table otlp_metrics_summary (
  time_unix_nano any, start_time_unix_nano any, name text, description text, unit text, count any, sum any,
  quantile_values text, service_name text, service_namespace text, service_instance_id text,
  resource_attributes text, scope_name text, scope_version text, scope_attributes text, metric_attributes text,
  flags integer, schema_url text, record_id integer primary key autoincrement, stream_id integer not null,
  stream_index integer not null, tenant text not null, received_at integer not null
) strict;
create unique index otlp_metrics_summary_by_stream on otlp_metrics_summary (stream_id, stream_index);
create table otlp_requests (
  stream_id integer not null, stream_index integer not null, positions integer not null, digest blob not null,
  primary key (stream_id, stream_index)
) strict, without rowid;
`,
  `
create table jobs (
  job text primary key, kind text not null, schedule text not null, time_zone text not null,
  enabled integer not null, since integer not null, next_at integer
) strict;
create table job_runs (
  run_id integer primary key autoincrement, job text not null, due_at integer, started_at integer not null,
  finished_at integer, outcome text not null, attempts integer not null default 0,
  message text not null default '', figures text not null default '{}', holder text not null,
  lease_until integer not null
) strict;
create index job_runs_by_job on job_runs (job);
create unique index running_jobs on job_runs (job) where outcome = 'running';
`,
]
