-- How much of a backup was taken over from the one before without being read.

alter table archiver.job_stacks add column content_bytes bigint, add column reused_bytes bigint;
comment on column archiver.job_stacks.content_bytes is 'Of the content of the files in the backup';
comment on column archiver.job_stacks.reused_bytes is 'Of that, what was taken over from the backup before without being read';

create function archiver.note_reuse() returns trigger language plpgsql as $$
begin
  update archiver.job_stacks as s
  set content_bytes = (new.outcome #>> '{backup,content_bytes}')::bigint,
    reused_bytes = (new.outcome #>> '{backup,reused_bytes}')::bigint
  where s.id = new.job_stack_id;
  return new;
end
$$;

create trigger note_reuse after update of outcome on archiver.tasks
for each row when (new.kind = 'archive_stack' and jsonb_typeof(new.outcome -> 'backup') = 'object')
execute function archiver.note_reuse();
