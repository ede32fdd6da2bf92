-- A database of schema version 1, as the store of that version made it (sqlite3 FILE .dump). Never to be changed.
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
INSERT INTO streams VALUES(1,'orders','','http','{"host":"a"}','127.0.0.1',3,6,1700000000123456,1700000000123456,1700000000123456);
INSERT INTO streams VALUES(3,'orders','b','http','{"host":"a"}','127.0.0.1',0,1,1700000001000000,1700000001000000,NULL);
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
INSERT INTO events VALUES(4,1,3,1700000000123456,'{"id":4}');
INSERT INTO events VALUES(5,1,5,1700000000123456,'null');
INSERT INTO events VALUES(8,3,0,1700000001000000,'"of another tenant"');
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
  unique (stream_id, stream_index)
) strict;
INSERT INTO dead_letters VALUES(1,1,4,1700000000123456,'bad_event','why 1',4,X'7b626164');
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
INSERT INTO tokens VALUES(1,'old','abababababababababababababababababababababababababababababababab','["ingest","read"]','b',5,NULL,1700000000000000,1700000002000000);
INSERT INTO tokens VALUES(2,'ci','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','["ingest","read"]','b',5,NULL,1700000000000000,NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('streams',3);
INSERT INTO sqlite_sequence VALUES('events',8);
INSERT INTO sqlite_sequence VALUES('dead_letters',1);
INSERT INTO sqlite_sequence VALUES('tokens',2);
CREATE UNIQUE INDEX events_by_stream on events (stream_id, stream_index);
CREATE UNIQUE INDEX living_tokens_by_name on tokens (name) where revoked_at is null;
COMMIT;
PRAGMA application_id=1835625580;
PRAGMA user_version=1;
