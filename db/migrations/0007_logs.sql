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

-- What an agent holds, and whether a job has work left, is asked with each task: not by going through all that waits.
create index on archiver.tasks (host_id, id) where state = 'running';
create index on archiver.tasks (job_id) where state <> 'finished';

-- Whoever starts or ends a job, by whatever door: one of the servers says so in its own log, once.
create function archiver.note_job() returns trigger
language plpgsql as $$
begin
  perform graphile_worker.add_job('note_job', json_build_object('job_id', new.id, 'status', new.status), max_attempts := 3);
  return null;
end
$$;
create trigger note_new_job after insert on archiver.jobs for each row execute function archiver.note_job();
create trigger note_job after update of status on archiver.jobs for each row
  when (old.status is distinct from new.status) execute function archiver.note_job();

-- As before, and: a notice holds a lock of the whole cluster until its transaction is on disk, so two hundred agents
-- would wait for each other's disk writes. What an agent writes is committed without that wait; it waits afterwards, in
-- agent_flush, together with all others, before it forgets anything.
create or replace function archiver.agent_host(epoch bigint default null) returns archiver.hosts
language plpgsql as $$
declare
  host archiver.hosts;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- the lock lets no newer epoch begin while this call is under way
  select * into host from archiver.hosts as h where h.role_name = session_user for no key update;
  if not found then
    perform archiver.refuse('AR404', format('The role "%s" is not the role of any host', session_user));
  end if;
  if agent_host.epoch is not null and agent_host.epoch <> host.epoch then
    perform archiver.refuse('AR410', format('A newer agent of host %s has started (epoch %s, this one has %s)', host.name, host.epoch, agent_host.epoch));
  end if;
  perform archiver.close_overdue(host);
  return host;
end
$$;

-- Returns once everything that was committed before is on disk.
create function archiver.agent_flush() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- a record of its own, since a transaction that writes nothing waits for nothing
  perform pg_logical_emit_message(true, 'archiver', '');
end
$$;
grant execute on function archiver.agent_flush() to archiver_agent;

-- Now by lanes: a host's transfers and its care for backups go on while a stack is archived. It has little to do for
-- each task; that one more stack of a job that runs has its turn is told by the heartbeat that follows at once.
create or replace function archiver.agent_claim(epoch bigint, holding bigint[]) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  host archiver.hosts := archiver.agent_host(agent_claim.epoch);
  task archiver.tasks;
begin
  update archiver.tasks as t set lease_until = now() + interval '60 seconds'
  where t.id = (
    select r.id from archiver.tasks as r
    where r.host_id = host.id and r.state = 'running' and r.epoch = host.epoch and r.id <> all (agent_claim.holding)
    order by r.id limit 1)
  returning * into task;
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
    -- the job's row first, as everywhere
    perform from archiver.jobs as j where j.id = task.job_id for update;
    update archiver.tasks as t
    set state = 'running', epoch = host.epoch, claimed_at = coalesce(t.claimed_at, now()), lease_until = now() + interval '60 seconds'
    where t.id = task.id and t.state = 'queued'
    returning * into task;
    if not found then
      return null;
    end if;
    update archiver.jobs as j set status = 'running', start_time = coalesce(j.start_time, now())
    where j.id = task.job_id and j.status = 'queued';
    if found then
      perform archiver.announce('jobs', task.job_id);
    end if;
    if task.kind = 'archive_stack' then
      update archiver.job_stacks as s set status = 'running', start_time = now() where s.id = task.job_stack_id;
    end if;
  end if;
  return jsonb_build_object('id', task.id, 'job_id', task.job_id, 'kind', task.kind, 'payload', task.payload);
end
$$;
