/**
 * The tables of scheduled jobs where there is no gateway's store: those of `schema.sql`, as a test proves.
 */
export const tables = `
create table if not exists jobs (
  job text primary key,
  kind text not null,
  schedule text not null,
  time_zone text not null,
  enabled integer not null,
  since integer not null,
  next_at integer
) strict;
create table if not exists job_runs (
  run_id integer primary key autoincrement,
  job text not null,
  due_at integer,
  started_at integer not null,
  finished_at integer,
  outcome text not null,
  attempts integer not null default 0,
  message text not null default '',
  figures text not null default '{}',
  holder text not null,
  lease_until integer not null
) strict;
create index if not exists job_runs_by_job on job_runs (job);
create unique index if not exists running_jobs on job_runs (job) where outcome = 'running';
`
