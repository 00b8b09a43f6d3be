-- When each part of a job began, so that its page can show where the time went.

alter table archiver.jobs add column phase_times jsonb not null default '{}';
comment on column archiver.jobs.phase_times is 'When phases 2 and 3 began; 0 begins with created_at, 1 with start_time';

alter table archiver.job_stacks add column steps jsonb not null default '[]';
comment on column archiver.job_stacks.steps is 'The steps of archiving, in order: [{phase, at}]';

create function archiver.note_phase() returns trigger language plpgsql as $$
begin
  new.phase_times := new.phase_times || jsonb_build_object(new.phase, clock_timestamp());
  return new;
end
$$;

create trigger note_phase before update of phase on archiver.jobs
for each row when (new.phase > old.phase and new.phase > 1) execute function archiver.note_phase();

-- while it works the agent tells its steps with its progress, at the end with the outcome
create function archiver.note_steps() returns trigger language plpgsql as $$
begin
  new.steps := new.progress -> 'steps';
  return new;
end
$$;

create trigger note_steps before update of progress on archiver.job_stacks
for each row when (jsonb_typeof(new.progress -> 'steps') = 'array') execute function archiver.note_steps();

create function archiver.note_last_steps() returns trigger language plpgsql as $$
begin
  update archiver.job_stacks as s set steps = new.outcome -> 'steps' where s.id = new.job_stack_id;
  return new;
end
$$;

create trigger note_last_steps after update of outcome on archiver.tasks
for each row when (new.kind = 'archive_stack' and jsonb_typeof(new.outcome -> 'steps') = 'array')
execute function archiver.note_last_steps();
