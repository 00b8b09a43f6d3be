-- Schedules that hold, and retention as a job of its own.

-- The archive, locked until the end of the transaction, provided that no job makes or removes backups of it.
create function archiver.idle_archive(archive_id integer) returns archiver.archives
language plpgsql as $$
declare
  archive archiver.archives;
  unfinished bigint;
begin
  select * into archive from archiver.archives as a where a.id = idle_archive.archive_id for no key update;
  if not found then
    perform archiver.refuse('AR404', format('There is no archive with id %s', idle_archive.archive_id));
  end if;
  unfinished := archiver.unfinished_job(archive.id);
  if unfinished is not null then
    perform archiver.refuse('AR409', format('Job %s of archive "%s" has not finished yet', unfinished, archive.name));
  end if;
  return archive;
end
$$;

create function archiver.unfinished_job(archive_id integer) returns bigint
language sql stable as $$
  select j.id from archiver.jobs as j
  where j.archive_id = unfinished_job.archive_id and j.status in ('queued', 'running') and j.job_type in ('archive', 'retention', 'restore')
  order by j.id limit 1
$$;

-- The work behind every door for archive jobs: the job, a row for each of its stacks, a task for each that is there.
-- `options`: {scheduled_for?, dry_run?: {stop_containers, create_archive, run_retention}}; with dry_run nothing is touched.
create function archiver.start_archive_job(archive_id integer, triggered_by text, options jsonb default '{}') returns bigint
language plpgsql as $$
declare
  archive archiver.archives;
  dry_run jsonb := nullif(options -> 'dry_run', 'null'::jsonb);
  security jsonb;
  new_job bigint;
  chosen record;
  new_job_stack bigint;
  gone text;
  made_tasks integer := 0;
begin
  archive := archiver.idle_archive(start_archive_job.archive_id);
  select s.value into security from archiver.settings as s where s.section = 'security';

  insert into archiver.jobs (job_type, archive_id, archive_name, triggered_by, is_dry_run, scheduled_for, phase, options)
  values ('archive', archive.id, archive.name, start_archive_job.triggered_by, dry_run is not null,
    (options ->> 'scheduled_for')::timestamptz, 1, case when dry_run is null then '{}' else jsonb_build_object('dry_run', dry_run) end)
  returning id into new_job;
  perform archiver.write_log(new_job, null, 'info', format('Phase 0: %sarchive "%s", triggered by %s',
    case when dry_run is null then '' else 'dry run of ' end, archive.name, start_archive_job.triggered_by));

  for chosen in
    select s.*, h.name as host_name,
      coalesce((
        select b.size_bytes from archiver.backups as b
        where b.stack_id = s.id and b.archive_id = archive.id and b.state = 'good' and b.trashed_at is null
        order by b.id desc limit 1
      ), 0) as last_size_bytes
    from archiver.stacks as s
    join archiver.hosts as h on h.id = s.host_id
    where s.id in (select c.stack_id from archiver.archive_stacks as c where c.archive_id = archive.id)
      or (s.host_id = archive.all_stacks_of_host and s.gone_at is null and not s.own)
    order by h.name, s.name, s.id
  loop
    if chosen.gone_at is not null then
      gone := format('no compose file has been seen in %s on host %s since %s', chosen.path, chosen.host_name, date_trunc('second', chosen.gone_at));
      insert into archiver.job_stacks (job_id, stack_id, host_id, stack_name, status, reason)
      values (new_job, chosen.id, chosen.host_id, chosen.name, 'failed', gone)
      returning id into new_job_stack;
      perform archiver.write_log(new_job, new_job_stack, 'error', format('Stack %s: %s', chosen.name, gone));
      continue;
    end if;
    insert into archiver.job_stacks (job_id, stack_id, host_id, stack_name)
    values (new_job, chosen.id, chosen.host_id, chosen.name)
    returning id into new_job_stack;
    perform archiver.add_task(new_job, new_job_stack, chosen.host_id, 'archive_stack', jsonb_build_object(
      'stack', jsonb_build_object('path', chosen.path, 'name', chosen.name, 'folder', chosen.folder,
        'project', chosen.project, 'compose_file', chosen.compose_file),
      'archive', jsonb_build_object('name', archive.name, 'folder', archive.folder, 'mode', archive.mode,
        'format', archive.format, 'level', archive.level, 'include_volumes', archive.include_volumes,
        'exclude', archive.exclude, 'max_downtime', archive.max_downtime, 'time_zone', archive.time_zone),
      'last_size_bytes', chosen.last_size_bytes,
      'dry_run', dry_run,
      'pull', case when coalesce((security ->> 'always_pull')::boolean, false)
        then jsonb_build_object('inactivity_timeout', coalesce((security ->> 'pull_inactivity_timeout')::integer, 300)) end,
      'output_permissions', coalesce((security ->> 'output_permissions')::boolean, false)));
    made_tasks := made_tasks + 1;
  end loop;

  if made_tasks = 0 then
    perform archiver.write_log(new_job, null, 'error',
      'No valid stacks found: the archive names no stack whose directory is there. Choose its stacks again, or check the mounts of the host.');
    perform archiver.settle_job(new_job);
  end if;
  perform archiver.announce('jobs', new_job);
  return new_job;
end
$$;

-- Retention alone. finish_job decides, as after an archive job. `options`: {dry_run?: true}.
create function archiver.start_retention_job(archive_id integer, triggered_by text, is_dry_run boolean) returns bigint
language plpgsql as $$
declare
  archive archiver.archives := archiver.idle_archive(start_retention_job.archive_id);
  new_job bigint;
begin
  new_job := archiver.start_job('retention', archive.id, archive.name, start_retention_job.triggered_by, start_retention_job.is_dry_run, '{}');
  perform archiver.write_log(new_job, null, 'info', format('Phase 0: %sretention of archive "%s", triggered by %s',
    case when is_dry_run then 'dry run of the ' else '' end, archive.name, start_retention_job.triggered_by));
  perform archiver.settle_job(new_job);
  return new_job;
end
$$;

-- Closes what a schedule asked of a host whose agent has been silent for over five minutes, once it is later than the
-- archive may catch up: whenever that agent returns, no stack is stopped at breakfast.
create function archiver.close_overdue(host archiver.hosts) returns void
language plpgsql as $$
declare
  silent_since timestamptz := coalesce(host.last_seen_at, host.created_at);
  late record;
  why text;
begin
  if silent_since > now() - interval '5 minutes' then
    return;
  end if;
  for late in
    select t.id, t.job_id, t.job_stack_id, j.scheduled_for
    from archiver.tasks as t
    join archiver.jobs as j on j.id = t.job_id
    left join archiver.archives as a on a.id = j.archive_id
    where t.host_id = host.id and t.state = 'queued' and t.kind = 'archive_stack' and j.triggered_by = 'schedule'
      -- the same grace as for a tick that comes late (db/domain/schedule.ts)
      and j.scheduled_for + make_interval(secs => greatest(coalesce(a.catch_up_window, 0), 120)) < now()
    order by t.id
  loop
    why := format('the agent of host %s had been out of contact since %s, and it is too late to catch up on a run that was due at %s',
      host.name, date_trunc('second', silent_since), late.scheduled_for);
    perform archiver.write_log(late.job_id, late.job_stack_id, 'error', 'Not archived: ' || why);
    perform archiver.close_task(late.id, jsonb_build_object('status', 'failed', 'reason', why));
  end loop;
end
$$;

-- What the minute's tick does about jobs that nobody else would end.
create function archiver.end_forgotten_work() returns void
language plpgsql as $$
declare
  one record;
begin
  for one in
    select h.id from archiver.hosts as h
    where exists (select from archiver.tasks as t where t.host_id = h.id and t.state = 'queued' and t.kind = 'archive_stack')
    order by h.id
  loop
    perform archiver.close_overdue(h) from archiver.hosts as h where h.id = one.id;
  end loop;
  -- a host that was removed took its tasks along; a server that lost the database may have lost finish_job with it;
  -- a cleanup that has not begun has no tasks yet
  for one in
    select j.id from archiver.jobs as j
    where j.status in ('queued', 'running') and j.created_at < now() - interval '30 seconds'
      and not (j.job_type = 'cleanup' and j.phase = 0)
      and not exists (
        select from archiver.tasks as t
        where t.job_id = j.id and (t.state <> 'finished' or t.finished_at > now() - interval '30 seconds'))
    order by j.id
  loop
    perform archiver.settle_job(one.id);
  end loop;
end
$$;

revoke execute on all functions in schema archiver from public;
