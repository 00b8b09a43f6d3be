-- How far a task is that works on no stack of its job, such as reading backups back.

alter table archiver.tasks add column progress jsonb;
comment on column archiver.tasks.progress is 'A TaskProgress of db/domain/task.ts, while it runs; of a stack''s task it stands with the stack';

-- As before, and: progress that belongs to no stack is kept with the task.
create or replace function archiver.agent_heartbeat(epoch bigint, status jsonb, tasks jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  host archiver.hosts := archiver.agent_host(agent_heartbeat.epoch);
  held record;
begin
  update archiver.hosts as h
  set last_seen_at = now(), status = coalesce(agent_heartbeat.status, h.status) where h.id = host.id;
  if agent_heartbeat.status is not null then
    perform archiver.announce('hosts', host.id);
  end if;

  for held in
    select t.id, t.job_id, t.job_stack_id, t.out_of_contact_since, item -> 'progress' as progress
    from jsonb_array_elements(agent_heartbeat.tasks) as item
    join archiver.tasks as t on t.id = (item ->> 'id')::bigint
    where t.host_id = host.id and t.state = 'running' and t.epoch = host.epoch
    order by t.id
  loop
    if held.out_of_contact_since is not null then
      perform archiver.write_log(held.job_id, held.job_stack_id, 'info',
        format('The agent of host %s is in contact again; it had been out of contact since %s', host.name, date_trunc('second', held.out_of_contact_since)));
    end if;
    update archiver.tasks as t set lease_until = now() + interval '60 seconds', out_of_contact_since = null,
      progress = case when held.job_stack_id is null then held.progress end
    where t.id = held.id;
    update archiver.job_stacks as s set progress = held.progress where s.id = held.job_stack_id;
    perform archiver.announce('jobs', held.job_id);
  end loop;

  return jsonb_build_object('cancel', coalesce((
    select jsonb_agg(t.id) from archiver.tasks as t join archiver.jobs as j on j.id = t.job_id
    where t.host_id = host.id and j.cancel_requested_at is not null
      and t.id in (select (item ->> 'id')::bigint from jsonb_array_elements(agent_heartbeat.tasks) as item)
  ), '[]'::jsonb));
end
$$;
