-- What the control plane keeps beside the main job: settings, schedules, the life of a backup after it was made,
-- downloads with their transfers, mails, and who did what.

-- One row a section (db/domain/settings.ts); what a row leaves out has its default.
create table archiver.settings (
  section text primary key check (section in ('general', 'notifications', 'security', 'cleanup')),
  value jsonb not null,
  updated_at timestamptz not null default now()
);

alter table archiver.archives
  drop constraint archives_format_check,
  add constraint archives_format_check check (format in ('tar', 'tar.gz', 'tar.zst', 'folder')),
  -- all stacks of this host, those found later included; beside those chosen one by one
  add column all_stacks_of_host integer references archiver.hosts on delete set null,
  -- patterns as in a .gitignore
  add column exclude text[] not null default '{}',
  add column schedule_enabled boolean not null default false,
  add column schedule_cron text not null default '0 3 * * *',
  -- seconds a run may be late and still run; 0: never
  add column catch_up_window integer not null default 10800 check (catch_up_window between 0 and 604800),
  -- null while the schedule is off or never fires
  add column next_run_at timestamptz,
  add column retention_keep_days integer not null default 7 check (retention_keep_days between 0 and 10000),
  add column retention_keep_weeks integer not null default 4 check (retention_keep_weeks between 0 and 10000),
  add column retention_keep_months integer not null default 6 check (retention_keep_months between 0 and 10000),
  add column retention_keep_years integer not null default 2 check (retention_keep_years between 0 and 10000),
  add column retention_one_per_day boolean not null default false,
  add constraint keeps_something check (
    retention_keep_days + retention_keep_weeks + retention_keep_months + retention_keep_years > 0);
create index on archiver.archives (next_run_at) where schedule_enabled;

-- What became of each time a schedule was due, when no job was started for it.
create table archiver.missed_runs (
  id bigint generated always as identity primary key,
  -- null: the cleanup's schedule
  archive_id integer references archiver.archives on delete cascade,
  scheduled_for timestamptz not null,
  reason text not null,
  recorded_at timestamptz not null default now()
);
create index on archiver.missed_runs (archive_id, scheduled_for desc);

alter table archiver.jobs
  -- what this job was asked beyond its archive: {dry_run: {...}} or {tasks: [...]} (db/domain/job.ts)
  add column options jsonb not null default '{}',
  add column scheduled_for timestamptz,
  add column phase smallint not null default 0 check (phase between 0 and 3),
  -- what retention or cleanup decided and did, for the page and the report (db/domain/job.ts)
  add column results jsonb not null default '{}';
create index on archiver.jobs (end_time) where end_time is not null;

alter table archiver.job_stacks
  add column not_covered text[] not null default '{}',
  -- what pulling its images came to: PullResult of db/domain/task.ts
  add column pull jsonb,
  add column reclaimed_bytes bigint not null default 0;

alter table archiver.tasks
  drop constraint tasks_kind_check,
  add constraint tasks_kind_check check (kind in ('archive_stack', 'delete_backups', 'trash_backups', 'untrash_backups',
    'verify_backups', 'clean_up', 'fix_permissions', 'send_bytes', 'prepare_download'));

alter table archiver.backups
  add column pinned boolean not null default false,
  -- in the trash since then; trash_path is below the host's archives folder
  add column trashed_at timestamptz,
  add column trash_path text,
  add column deleted_at timestamptz,
  add column delete_reason text not null default '',
  -- what was wrong when it was read back last; empty when nothing was
  add column verify_error text not null default '',
  -- when a person said that a backup much smaller than the one before is right
  add column acknowledged_at timestamptz;
create index on archiver.backups (verified_at) where state <> 'deleted';

-- A link that gives one backup to whoever has it. Only the hash of its token is kept.
create table archiver.downloads (
  id bigint generated always as identity primary key,
  token_hash text not null unique,
  backup_id bigint not null references archiver.backups,
  created_by text not null default '',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- who is told when the file is there
  notify_emails text[] not null default '{}',
  last_used_at timestamptz,
  use_count integer not null default 0
);
create index on archiver.downloads (backup_id);
create index on archiver.downloads (expires_at);

-- A folder backup packed into one file on its host, while downloads of it are valid.
create table archiver.prepared_files (
  backup_id bigint primary key references archiver.backups,
  state text not null check (state in ('preparing', 'ready', 'failed')),
  job_id bigint references archiver.jobs on delete set null,
  -- on the host
  path text,
  size_bytes bigint,
  sha256 text,
  reason text not null default '',
  updated_at timestamptz not null default now()
);

-- A mail that is to be sent, or was. Kept so that it is seen whether anybody was told.
create table archiver.mails (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('report', 'error', 'cleanup', 'link', 'corrupt', 'test')),
  job_id bigint references archiver.jobs on delete cascade,
  download_id bigint references archiver.downloads on delete cascade,
  recipients text[] not null,
  state text not null default 'queued' check (state in ('queued', 'sent', 'failed')),
  attempts integer not null default 0,
  last_error text not null default '',
  created_at timestamptz not null default now(),
  sent_at timestamptz
);
create unique index on archiver.mails (kind, job_id) where job_id is not null and kind <> 'link';

-- Who changed, ran or downloaded what. Kept when its user is gone.
create table archiver.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  user_id text,
  user_name text not null,
  by_token boolean not null default false,
  action text not null,
  resource text not null,
  resource_id text not null default '',
  detail jsonb not null default '{}',
  address text not null default ''
);
create index on archiver.audit_log (at desc);

-- Tasks of one lane wait for each other, so that a long archive keeps no download waiting.
create function archiver.lane(kind text) returns text
language sql immutable as $$
  select case kind when 'archive_stack' then 'archive' when 'send_bytes' then 'send' else 'care' end
$$;

create function archiver.lane_width(host archiver.hosts, kind text) returns integer
language sql immutable as $$
  select case archiver.lane(kind) when 'archive' then host.parallel_stacks when 'send' then 4 else 1 end
$$;

-- The work behind every door for archive jobs: the job, a row for each of its stacks, a task for each that is there.
-- `options`: {scheduled_for?, dry_run?: {stop_containers, create_archive, run_retention}}; with dry_run nothing is touched.
create function archiver.start_archive_job(archive_id integer, triggered_by text, options jsonb default '{}') returns bigint
language plpgsql as $$
declare
  archive archiver.archives;
  dry_run jsonb := nullif(options -> 'dry_run', 'null'::jsonb);
  security jsonb;
  unfinished bigint;
  new_job bigint;
  chosen record;
  new_job_stack bigint;
  gone text;
  made_tasks integer := 0;
begin
  select * into archive from archiver.archives as a where a.id = start_archive_job.archive_id for update;
  if not found then
    perform archiver.refuse('AR404', format('There is no archive with id %s', start_archive_job.archive_id));
  end if;
  select j.id into unfinished from archiver.jobs as j
  where j.archive_id = archive.id and j.status in ('queued', 'running') limit 1;
  if found then
    perform archiver.refuse('AR409', format('Job %s of archive "%s" has not finished yet', unfinished, archive.name));
  end if;
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
        where b.stack_id = s.id and b.archive_id = archive.id and b.state = 'good'
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

-- One step for a host's agent, which is woken.
create function archiver.add_task(job_id bigint, job_stack_id bigint, host_id integer, kind text, payload jsonb) returns bigint
language plpgsql as $$
declare
  made bigint;
begin
  insert into archiver.tasks (job_id, job_stack_id, host_id, kind, payload)
  values (add_task.job_id, add_task.job_stack_id, add_task.host_id, add_task.kind, add_task.payload) returning id into made;
  perform archiver.wake_agent(add_task.host_id);
  return made;
end
$$;

-- The one door for whoever has psql or a program: `select archiver.submit_job(3)`. `is_dry_run`: says what would
-- happen and changes nothing. For the role archiver_client, which may do nothing else, the trigger is always sql.
create or replace function archiver.submit_job(
  archive_id integer, triggered_by text default 'sql', is_dry_run boolean default false
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  is_client boolean := not pg_has_role(session_user, current_user, 'member');
begin
  return archiver.start_archive_job(submit_job.archive_id, case when is_client then 'sql' else submit_job.triggered_by end,
    case when submit_job.is_dry_run then '{"dry_run": {"stop_containers": true, "create_archive": true, "run_retention": true}}'::jsonb
      else '{}'::jsonb end);
end
$$;

-- A job that is not about archiving: retention, cleanup, verify, download. Its tasks are added by the caller, in the
-- same transaction, who then calls settle_job in case there was none to add.
create function archiver.start_job(job_type text, archive_id integer, archive_name text, triggered_by text, is_dry_run boolean, options jsonb)
returns bigint
language plpgsql as $$
declare
  made bigint;
begin
  insert into archiver.jobs (job_type, archive_id, archive_name, triggered_by, is_dry_run, options)
  values (start_job.job_type, start_job.archive_id, start_job.archive_name, start_job.triggered_by, start_job.is_dry_run, start_job.options)
  returning id into made;
  perform archiver.announce('jobs', made);
  return made;
end
$$;

-- What a task did to backups that exist: `outcome.backups` is [{id, did, reason, bytes, trash_path}] (db/domain/task.ts).
create function archiver.record_care(task archiver.tasks, outcome jsonb) returns void
language plpgsql as $$
declare
  one record;
begin
  for one in
    select * from jsonb_to_recordset(outcome -> 'backups') as r(id bigint, did text, reason text, bytes bigint, trash_path text)
  loop
    update archiver.backups as b set
      state = case one.did when 'deleted' then 'deleted' when 'corrupt' then 'corrupt' when 'missing' then 'corrupt' else b.state end,
      deleted_at = case one.did when 'deleted' then now() else b.deleted_at end,
      delete_reason = case one.did when 'deleted' then coalesce(one.reason, '') else b.delete_reason end,
      trashed_at = case one.did when 'trashed' then now() when 'restored' then null when 'deleted' then null else b.trashed_at end,
      trash_path = case one.did when 'trashed' then one.trash_path when 'restored' then null when 'deleted' then null else b.trash_path end,
      verified_at = case one.did when 'verified' then now() else b.verified_at end,
      verify_error = case one.did when 'verified' then '' when 'corrupt' then coalesce(one.reason, '')
        when 'missing' then 'the file is not there' else b.verify_error end
    where b.id = one.id and b.host_id = task.host_id and b.state <> 'deleted';
    if found and one.did = 'deleted' then
      update archiver.jobs as j set reclaimed_bytes = j.reclaimed_bytes + coalesce(one.bytes, 0) where j.id = task.job_id;
    end if;
  end loop;
  perform archiver.announce('backups');
end
$$;

-- As before, and: what a task did to existing backups, what is not covered, what pulling came to.
create or replace function archiver.close_task(task_id bigint, outcome jsonb) returns void
language plpgsql as $$
declare
  task archiver.tasks;
  made jsonb := nullif(outcome -> 'backup', 'null'::jsonb);
begin
  -- the job's row first, as everywhere: two tasks that end at once see each other, and nobody deadlocks
  perform from archiver.jobs as j
  where j.id = (select t.job_id from archiver.tasks as t where t.id = close_task.task_id) for update;
  update archiver.tasks as t
  set state = 'finished', outcome = close_task.outcome, finished_at = clock_timestamp(), lease_until = null, out_of_contact_since = null
  where t.id = close_task.task_id and t.state <> 'finished'
  returning * into task;
  if not found then
    -- closed without its agent: what the agent had made or done by then is true all the same
    select * into task from archiver.tasks as t where t.id = close_task.task_id;
    perform archiver.record_backup(task, made);
    if jsonb_typeof(outcome -> 'backups') = 'array' then
      perform archiver.record_care(task, outcome);
    end if;
    return;
  end if;

  if task.kind = 'archive_stack' then
    update archiver.job_stacks as s
    set status = outcome ->> 'status',
      reason = coalesce(outcome ->> 'reason', ''),
      was_running = (outcome ->> 'was_running')::boolean,
      end_time = clock_timestamp(),
      downtime_seconds = (outcome ->> 'downtime_seconds')::double precision,
      archive_path = outcome ->> 'archive_path',
      archive_size_bytes = (made ->> 'size_bytes')::bigint,
      file_count = (made ->> 'file_count')::bigint,
      not_covered = coalesce((select array_agg(item) from jsonb_array_elements_text(nullif(outcome -> 'not_covered', 'null'::jsonb)) as item), '{}'),
      pull = nullif(outcome -> 'pull', 'null'::jsonb),
      progress = null
    where s.id = task.job_stack_id;
    perform archiver.record_backup(task, made);
  elsif jsonb_typeof(outcome -> 'backups') = 'array' then
    perform archiver.record_care(task, outcome);
  end if;
  perform archiver.settle_job(task.job_id);
  perform archiver.announce('jobs', task.job_id);
end
$$;

-- Now by lanes: a host's transfers and its care for backups go on while a stack is archived.
create or replace function archiver.agent_claim(epoch bigint, holding bigint[]) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  host archiver.hosts := archiver.agent_host(agent_claim.epoch);
  task archiver.tasks;
begin
  select * into task from archiver.tasks as t
  where t.host_id = host.id and t.state = 'running' and t.epoch = host.epoch and t.id <> all (agent_claim.holding)
  order by t.id limit 1;
  if not found then
    -- claims of one host are one after the other, by the lock on its row; only a cancel may come between
    select * into task from archiver.tasks as t
    where t.host_id = host.id and t.state = 'queued'
      and archiver.lane_width(host, t.kind) > (
        select count(*) from archiver.tasks as r
        where r.host_id = host.id and r.state = 'running' and archiver.lane(r.kind) = archiver.lane(t.kind))
    order by t.id limit 1;
    if not found then
      return null;
    end if;
    perform from archiver.jobs as j where j.id = task.job_id for update;
    select * into task from archiver.tasks as t where t.id = task.id and t.state = 'queued' for update;
    if not found then
      return null;
    end if;
    update archiver.jobs as j set status = 'running', start_time = coalesce(j.start_time, now())
    where j.id = task.job_id and j.status = 'queued';
    if task.kind = 'archive_stack' then
      update archiver.job_stacks as s set status = 'running', start_time = now() where s.id = task.job_stack_id;
    end if;
    perform archiver.announce('jobs', task.job_id);
  end if;
  update archiver.tasks as t
  set state = 'running', epoch = host.epoch, claimed_at = coalesce(t.claimed_at, now()), lease_until = now() + interval '60 seconds'
  where t.id = task.id;
  return jsonb_build_object('id', task.id, 'job_id', task.job_id, 'kind', task.kind, 'payload', task.payload);
end
$$;

-- A role for programs: it may submit jobs, and nothing else. Give it to a login with `grant archiver_client to <name>`.
do $$
begin
  create role archiver_client nologin;
exception when duplicate_object or unique_violation then null;
end
$$;
grant usage on schema archiver to archiver_client;
grant execute on function archiver.submit_job(integer, text, boolean) to archiver_client;
revoke execute on all functions in schema archiver from public;
