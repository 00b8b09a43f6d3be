-- Jobs by when they were asked for: the last day, the strip of 30 days and the calendar of a year.
create index on archiver.jobs (created_at) where not is_dry_run;
create index on archiver.missed_runs (scheduled_for);
-- What is stored in all, from the index alone: rows of deleted backups stay, and are many more.
create index on archiver.backups (state, trashed_at) include (size_bytes) where state <> 'deleted';
