-- Folders and files elsewhere on the host that a stack's containers mount, for archives that ask for them.

alter table archiver.archives add column include_bind_mounts boolean not null default false;

-- as before, and the task is told
create or replace function archiver.start_archive_job(archive_id integer, triggered_by text, options jsonb default '{}') returns bigint
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
        'include_bind_mounts', archive.include_bind_mounts, 'exclude', archive.exclude, 'max_downtime', archive.max_downtime, 'time_zone', archive.time_zone),
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
