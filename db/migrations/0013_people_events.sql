-- People, their sessions and their tokens are told of as everything else is: pages that show them follow.

create function archiver.announce_table() returns trigger language plpgsql as $$
begin
  perform archiver.announce(tg_argv[0]);
  return null;
end
$$;
comment on function archiver.announce_table is 'Says that rows of the resource named by its argument have changed';

create trigger announce after insert or update or delete on auth."user"
for each statement execute function archiver.announce_table('users');

-- an update only notes that somebody is still there
create trigger announce after insert or delete on auth.session
for each statement execute function archiver.announce_table('sessions');

create trigger announce after insert or delete on auth.apikey
for each statement execute function archiver.announce_table('tokens');
