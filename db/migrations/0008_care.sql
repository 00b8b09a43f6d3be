-- The care for backups once they are made: cleanup, rolling verify, the trash and the way back.

alter table archiver.backups
  -- its archive was deleted and was to take it along: it goes to the trash now, or with the next cleanup
  add column orphaned_at timestamptz,
  -- its state before it was found corrupt or missing; comes back once every byte of it is read and right again
  add column sound_state text check (sound_state in ('good', 'incomplete'));
create index on archiver.backups (stack_id, id desc) where state = 'good' and trashed_at is null;
create index on archiver.backups (host_id, id desc);
create index on archiver.backups (id desc) where trashed_at is not null;
create index on archiver.backups (id desc) where state in ('incomplete', 'corrupt');

-- When work of the whole installation is due next; an archive has its own time.
create table archiver.timers (
  name text primary key check (name in ('cleanup', 'verify')),
  cron text not null,
  time_zone text not null,
  next_run_at timestamptz
);

-- What a task did to backups that exist: `outcome.backups` is [{id, did, reason, bytes, trash_path}] (db/domain/task.ts).
-- Found corrupt and later right, a backup is what it was; a file that a cleanup deleted is gone only
-- if its backup was still in the trash; what was known to be missing is gone once a person puts it into the trash.
create function archiver.record_care(task archiver.tasks, outcome jsonb) returns void
language plpgsql as $$
declare
  one record;
begin
  for one in
    select * from jsonb_to_recordset(outcome -> 'backups') as r(id bigint, did text, reason text, bytes bigint, trash_path text)
  loop
    if one.did = 'missing' and task.kind = 'trash_backups' then
      one.did := case when exists (select from archiver.backups as b where b.id = one.id and b.state = 'corrupt')
        then 'deleted' else 'missing' end;
      one.reason := 'the file was not there';
    end if;
    update archiver.backups as b set
      state = case one.did when 'deleted' then 'deleted' when 'corrupt' then 'corrupt' when 'missing' then 'corrupt'
        when 'verified' then coalesce(b.sound_state, b.state) else b.state end,
      sound_state = case when one.did in ('corrupt', 'missing') and b.state <> 'corrupt' then b.state
        when one.did = 'verified' then null else b.sound_state end,
      deleted_at = case one.did when 'deleted' then now() else b.deleted_at end,
      delete_reason = case one.did when 'deleted' then coalesce(one.reason, '') else b.delete_reason end,
      trashed_at = case one.did when 'trashed' then now() when 'restored' then null when 'deleted' then null else b.trashed_at end,
      trash_path = case one.did when 'trashed' then one.trash_path when 'restored' then null when 'deleted' then null else b.trash_path end,
      orphaned_at = case one.did when 'restored' then null else b.orphaned_at end,
      verified_at = case one.did when 'verified' then now() else b.verified_at end,
      verify_error = case one.did when 'verified' then '' when 'corrupt' then coalesce(one.reason, '')
        when 'missing' then 'the file is not there' else b.verify_error end
    where b.id = one.id and b.host_id = task.host_id and b.state <> 'deleted'
      -- it was moved to the trash, or back, since that task was made
      and not (one.did = 'deleted' and (task.kind = 'clean_up') <> (b.trashed_at is not null))
      and not (one.did = 'missing' and b.trashed_at is not null);
    if found and one.did = 'deleted' then
      update archiver.jobs as j set reclaimed_bytes = j.reclaimed_bytes + coalesce(one.bytes, 0) where j.id = task.job_id;
    end if;
  end loop;
  perform archiver.announce('backups');
end
$$;

-- Since when a host's agent has been silent too long to wait for it with care for backups; null: it has not.
create function archiver.silent_since(host archiver.hosts) returns timestamptz
language sql stable as $$
  select case when host.last_seen_at is null then host.created_at
    when host.last_seen_at < now() - interval '5 minutes' then host.last_seen_at end
$$;

-- Closes what waits for an agent that has been silent for too long, so that no cleanup, verify or retention waits for
-- it for ever: the next one does what was left out. An agent that was in the middle of it can still tell what it did.
create function archiver.close_unreachable_care() returns void
language plpgsql as $$
declare
  one record;
  why text;
begin
  for one in
    select t.id, t.job_id, t.job_stack_id, t.kind, h.name as host_name, h.last_seen_at
    from archiver.tasks as t join archiver.hosts as h on h.id = t.host_id
    where t.state <> 'finished' and archiver.silent_since(h) is not null
      and t.kind in ('delete_backups', 'trash_backups', 'untrash_backups', 'verify_backups', 'clean_up', 'fix_permissions')
    order by t.id
  loop
    why := case when one.last_seen_at is null then format('no agent of host %s has been seen yet', one.host_name)
      else format('the agent of host %s has not been seen since %s', one.host_name, date_trunc('second', one.last_seen_at)) end
      || '; ' || case when one.kind in ('trash_backups', 'untrash_backups') then 'ask again when it is back' else 'the next run does what was left out' end;
    perform archiver.write_log(one.job_id, one.job_stack_id, 'warn', format('Host %s was left out: %s', one.host_name, why));
    perform archiver.close_task(one.id, jsonb_build_object('reason', why, 'backups', '[]'::jsonb,
      'status', case when one.kind in ('trash_backups', 'untrash_backups') then 'failed' else 'warning' end));
  end loop;
end
$$;
