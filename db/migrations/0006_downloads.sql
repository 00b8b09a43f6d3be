-- Links to backups, folder backups packed into one file for them, and the bytes an agent sends.

-- Every mail carries a token of its own, made while it is written: none is kept readable anywhere, not even in a queue.
create table archiver.download_tokens (
  -- SHA-256, as base64url
  token_hash text primary key,
  download_id bigint not null references archiver.downloads on delete cascade,
  created_at timestamptz not null default now()
);
create index on archiver.download_tokens (download_id);
insert into archiver.download_tokens (token_hash, download_id) select d.token_hash, d.id from archiver.downloads as d;

alter table archiver.downloads
  drop column token_hash,
  -- the address people reached us by when they asked for it; links mailed later begin with it
  add column origin text not null default '',
  -- of notify_emails: who has been told already
  add column told_emails text[] not null default '{}';

alter table archiver.prepared_files
  -- in a row without success, while somebody waits for a mail
  add column attempts integer not null default 0;

-- A transfer is no step of a job: nobody looks for each part of a download among what was run.
alter table archiver.tasks
  alter column job_id drop not null,
  add constraint tasks_belong_to_jobs check (job_id is not null or kind = 'send_bytes');

-- As before, and: what belongs to no job has no log.
create or replace function archiver.write_log(
  job_id bigint, job_stack_id bigint, level text, text text, at timestamptz default clock_timestamp()
) returns void
language plpgsql as $$
declare
  taken bigint;
begin
  update archiver.jobs set last_line = last_line + 1 where id = write_log.job_id returning last_line into taken;
  if taken is null then
    return;
  end if;
  insert into archiver.log_lines (job_id, line, job_stack_id, at, level, text)
  values (write_log.job_id, taken, write_log.job_stack_id, write_log.at, write_log.level, write_log.text);
  perform archiver.announce('log', write_log.job_id);
end
$$;

-- As before; what belongs to no job settles none.
create or replace function archiver.settle_job(job_id bigint) returns void
language plpgsql as $$
begin
  if settle_job.job_id is not null
    and not exists (select from archiver.tasks as t where t.job_id = settle_job.job_id and t.state <> 'finished') then
    perform graphile_worker.add_job('finish_job', json_build_object('job_id', settle_job.job_id),
      job_key := 'finish_job:' || settle_job.job_id, max_attempts := 25);
  end if;
end
$$;

-- Asks a host's agent for bytes; resolves with the task. What earlier transfers left behind is removed.
create function archiver.ask_for_bytes(host_id integer, payload jsonb) returns bigint
language plpgsql as $$
begin
  delete from archiver.tasks as t
  where t.kind = 'send_bytes' and t.job_id is null and t.state = 'finished' and t.finished_at < now() - interval '1 hour';
  return archiver.add_task(null, null, ask_for_bytes.host_id, 'send_bytes', ask_for_bytes.payload);
end
$$;

-- Nobody reads any more: a transfer that has not begun never will. One that has is told so when it sends.
create function archiver.drop_transfer(task_id bigint) returns void
language plpgsql as $$
begin
  perform from archiver.tasks as t where t.id = drop_transfer.task_id and t.state = 'queued' for update;
  if found then
    perform archiver.close_task(drop_transfer.task_id, '{"status": "cancelled", "reason": "nobody reads any more", "backups": []}');
  end if;
end
$$;

-- Packs a folder backup into one file on its host, by a job; `name` is the file's. Null: it is there already.
-- However many ask at once, it is packed once: the others get the job that does it.
create function archiver.prepare_download(backup_id bigint, name text, triggered_by text, again boolean default false)
returns bigint
language plpgsql as $$
declare
  backup archiver.backups;
  prepared archiver.prepared_files;
  new_job bigint;
begin
  -- not "for update": links that are being made hold a key share of it
  select * into backup from archiver.backups as b where b.id = prepare_download.backup_id for no key update;
  if not found then
    perform archiver.refuse('AR404', format('There is no backup with id %s', prepare_download.backup_id));
  end if;
  if backup.state in ('corrupt', 'deleted') or backup.trashed_at is not null then
    perform archiver.refuse('AR409', 'This backup cannot be downloaded');
  end if;
  select * into prepared from archiver.prepared_files as p where p.backup_id = backup.id;
  if prepared.state = 'preparing' and exists (
    select from archiver.tasks as t where t.job_id = prepared.job_id and t.kind = 'prepare_download' and t.state <> 'finished')
  then
    return prepared.job_id;
  end if;
  if prepared.state = 'ready' and not prepare_download.again then
    return null;
  end if;
  new_job := archiver.start_job('download', backup.archive_id, backup.archive_name, prepare_download.triggered_by, false,
    jsonb_build_object('backup_id', backup.id));
  perform archiver.write_log(new_job, null, 'info', format('Packing the folder backup %s of stack %s into one file for download',
    backup.path, backup.stack_name));
  insert into archiver.prepared_files as p (backup_id, state, job_id, attempts) values (backup.id, 'preparing', new_job, 1)
  on conflict on constraint prepared_files_pkey do update
    set state = 'preparing', job_id = new_job, path = null, size_bytes = null, sha256 = null, reason = '', attempts = p.attempts + 1, updated_at = now();
  perform archiver.add_task(new_job, null, backup.host_id, 'prepare_download', jsonb_build_object(
    'backup', jsonb_build_object('id', backup.id, 'path', backup.path, 'format', backup.format,
      'size_bytes', backup.size_bytes, 'sha256', backup.sha256),
    'name', prepare_download.name));
  perform archiver.announce('downloads');
  return new_job;
end
$$;

-- Mails the link to everybody who is still to be told, once the file is there.
create function archiver.tell_of_download(download_id bigint) returns void
language plpgsql as $$
declare
  untold text[];
begin
  select array(select unnest(d.notify_emails) except select unnest(d.told_emails)) into untold
  from archiver.downloads as d where d.id = tell_of_download.download_id and d.expires_at > now() for update;
  if coalesce(cardinality(untold), 0) = 0 then
    return;
  end if;
  update archiver.downloads as d set told_emails = d.told_emails || untold where d.id = tell_of_download.download_id;
  perform graphile_worker.add_job('send_link',
    json_build_object('download_id', tell_of_download.download_id, 'recipients', untold), max_attempts := 12);
end
$$;

-- A file was packed, or could not be. Where its agent died over it and somebody waits for a mail, it is tried again.
create function archiver.prepare_download_ended() returns trigger
language plpgsql as $$
declare
  made jsonb := nullif(new.outcome -> 'prepared', 'null'::jsonb);
  of_backup bigint := (new.payload -> 'backup' ->> 'id')::bigint;
  link record;
begin
  update archiver.prepared_files as p
  set state = case when made is null then 'failed' else 'ready' end,
    path = made ->> 'path', size_bytes = (made ->> 'size_bytes')::bigint, sha256 = made ->> 'sha256',
    reason = case when made is null then coalesce(new.outcome ->> 'reason', '') else '' end,
    attempts = case when made is null then p.attempts else 0 end, updated_at = now()
  where p.backup_id = of_backup and p.job_id = new.job_id;
  if found and made is not null then
    for link in
      select d.id from archiver.downloads as d where d.backup_id = of_backup order by d.id
    loop
      perform archiver.tell_of_download(link.id);
    end loop;
  elsif found and new.outcome ->> 'status' = 'failed' and exists (
      select from archiver.prepared_files as p
      join archiver.downloads as d on d.backup_id = p.backup_id and d.expires_at > now()
      where p.backup_id = of_backup and p.attempts < 3 and not d.told_emails @> d.notify_emails)
    and exists (select from archiver.backups as b where b.id = of_backup and b.state in ('good', 'incomplete') and b.trashed_at is null)
  then
    perform archiver.prepare_download(of_backup, new.payload ->> 'name', 'schedule');
  end if;
  perform archiver.announce('downloads');
  return null;
end
$$;

create trigger prepare_download_ended after update of state on archiver.tasks
for each row when (new.kind = 'prepare_download' and new.state = 'finished' and old.state <> 'finished')
execute function archiver.prepare_download_ended();
