-- What Millrace stores, version 1. The single truth: stores read this file, and users' SQL relies on these names.
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
