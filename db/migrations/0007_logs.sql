-- Logs that are long, that are read while they grow, and that go one day.

alter table archiver.jobs add column log_pruned_at timestamptz;

-- Rows that are written again and again (the number of the last line, leases) stay on their page, and out of the indexes.
alter table archiver.jobs set (fillfactor = 70);
alter table archiver.tasks set (fillfactor = 70);
alter table archiver.hosts set (fillfactor = 70);

-- A fifth of a large table is much to wait for; what pruning frees is used again sooner.
alter table archiver.log_lines set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);

create index on archiver.audit_log (user_id, id desc);
create index on archiver.audit_log (resource, resource_id, id desc);
