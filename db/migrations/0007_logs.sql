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

-- Whoever starts or ends a job, by whatever door: one of the servers says so in its own log, once.
create function archiver.note_job() returns trigger
language plpgsql as $$
begin
  perform graphile_worker.add_job('note_job', json_build_object('job_id', new.id, 'status', new.status),
    queue_name := 'note_job', max_attempts := 3);
  return null;
end
$$;
create trigger note_new_job after insert on archiver.jobs for each row execute function archiver.note_job();
create trigger note_job after update of status on archiver.jobs for each row
  when (old.status is distinct from new.status) execute function archiver.note_job();
