-- A mail goes to each of its recipients by itself, so what became of each is remembered.

alter table archiver.mails
  add column sent_to text[] not null default '{}',
  -- the mail server knows no such mailbox
  add column refused text[] not null default '{}',
  -- what the mail server answered last when it took one
  add column response text not null default '',
  -- the piece of work that asked for it, which may be run again; each makes one mail
  add column asked_by text unique,
  -- a server is at it until then at the latest; past it that server has died
  add column sending_until timestamptz;
create index on archiver.mails (created_at desc);
create index on archiver.mails (sending_until) where sending_until is not null;

-- Sent by whichever server is free, as soon as this transaction is committed. 13 tries, each after a longer while
-- (graphile-worker: e to the power of the tries so far, in seconds, at most 6 h): the last is about a day after the first.
create function archiver.send_mail_soon(mail_id bigint) returns void
language sql as $$
  select graphile_worker.add_job('send_mail', json_build_object('mail_id', send_mail_soon.mail_id),
    job_key := 'send_mail:' || send_mail_soon.mail_id, max_attempts := 13);
$$;
revoke execute on function archiver.send_mail_soon(bigint) from public;
