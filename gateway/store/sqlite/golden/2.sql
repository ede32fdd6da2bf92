-- A database of schema version 2, as the store of that version made it (sqlite3 FILE .dump). Never to be changed.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE streams (
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
INSERT INTO streams VALUES(1,'orders','','http','{"host":"a"}','127.0.0.1',0,3,1700000000123456,1700000000123456,NULL);
INSERT INTO streams VALUES(2,'otlp','','otlp-http','{}','127.0.0.1',0,3,1700000000123456,1700000000123456,NULL);
CREATE TABLE events (
  event_id integer primary key autoincrement,
  stream_id integer not null,
  -- position in the stream, from 0
  stream_index integer not null,
  received_at integer not null,
  payload text not null,
  insert_datetime text generated always as (strftime('%Y-%m-%d %H:%M:%S', received_at / 1000000, 'unixepoch')) virtual
) strict;
INSERT INTO events VALUES(1,1,0,1700000000123456,'{"id":1,"total":9.50}');
INSERT INTO events VALUES(2,1,1,1700000000123456,'"ä€😀\u0000"');
INSERT INTO events VALUES(3,1,2,1700000000123456,'12345678901234567890');
CREATE TABLE dead_letters (
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
INSERT INTO dead_letters VALUES(1,2,1,1700000000123456,'bad_record','trace_id of record 1 has 3 bytes',3,X'776879','record');
CREATE TABLE tokens (
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
INSERT INTO tokens VALUES(1,'ci','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','["ingest","read"]','',NULL,NULL,1700000000000000,NULL);
CREATE TABLE otlp_logs (
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
INSERT INTO otlp_logs VALUES(NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'first',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,2,0,'',1700000000123456);
INSERT INTO otlp_logs VALUES(NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'second',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,2,2,1,'',1700000000123456);
CREATE TABLE otlp_traces (
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
CREATE TABLE otlp_metrics_gauge (
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
CREATE TABLE otlp_metrics_sum (
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
CREATE TABLE otlp_metrics_histogram (
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
CREATE TABLE otlp_metrics_exp_histogram (
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
CREATE TABLE otlp_metrics_summary (
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
CREATE TABLE otlp_requests (
  stream_id integer not null,
  stream_index integer not null,
  positions integer not null,
  -- of the body, 16 bytes
  digest blob not null,
  primary key (stream_id, stream_index)
) strict, without rowid;
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('streams',2);
INSERT INTO sqlite_sequence VALUES('events',3);
INSERT INTO sqlite_sequence VALUES('otlp_logs',2);
INSERT INTO sqlite_sequence VALUES('dead_letters',1);
INSERT INTO sqlite_sequence VALUES('tokens',1);
CREATE UNIQUE INDEX events_by_stream on events (stream_id, stream_index);
CREATE UNIQUE INDEX living_tokens_by_name on tokens (name) where revoked_at is null;
CREATE UNIQUE INDEX otlp_logs_by_stream on otlp_logs (stream_id, stream_index);
CREATE UNIQUE INDEX otlp_traces_by_stream on otlp_traces (stream_id, stream_index);
CREATE UNIQUE INDEX otlp_metrics_gauge_by_stream on otlp_metrics_gauge (stream_id, stream_index);
CREATE UNIQUE INDEX otlp_metrics_sum_by_stream on otlp_metrics_sum (stream_id, stream_index);
CREATE UNIQUE INDEX otlp_metrics_histogram_by_stream on otlp_metrics_histogram (stream_id, stream_index);
CREATE UNIQUE INDEX otlp_metrics_exp_histogram_by_stream on otlp_metrics_exp_histogram (stream_id, stream_index);
CREATE UNIQUE INDEX otlp_metrics_summary_by_stream on otlp_metrics_summary (stream_id, stream_index);
COMMIT;
PRAGMA application_id=1835625580;
PRAGMA user_version=2;
