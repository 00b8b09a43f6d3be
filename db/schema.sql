create table archiver.archive_stacks (
  archive_id integer not null,
  stack_id integer not null,
  constraint archive_stacks_archive_id_fkey FOREIGN KEY (archive_id) REFERENCES archiver.archives(id) ON DELETE CASCADE,
  constraint archive_stacks_pkey PRIMARY KEY (archive_id, stack_id),
  constraint archive_stacks_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES archiver.stacks(id) ON DELETE CASCADE
);

create table archiver.archives (
  id integer not null generated always as identity,
  name text not null,
  folder text not null,
  mode text not null,
  format text not null,
  level integer not null,
  include_volumes boolean not null,
  max_downtime integer not null,
  time_zone text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  all_stacks_of_host integer,
  exclude text[] not null default '{}'::text[],
  schedule_enabled boolean not null default false,
  schedule_cron text not null default '0 3 * * *'::text,
  catch_up_window integer not null default 10800,
  next_run_at timestamp with time zone,
  retention_keep_days integer not null default 7,
  retention_keep_weeks integer not null default 4,
  retention_keep_months integer not null default 6,
  retention_keep_years integer not null default 2,
  retention_one_per_day boolean not null default false,
  include_bind_mounts boolean not null default false,
  constraint archives_all_stacks_of_host_fkey FOREIGN KEY (all_stacks_of_host) REFERENCES archiver.hosts(id) ON DELETE SET NULL,
  constraint archives_catch_up_window_check CHECK (((catch_up_window >= 0) AND (catch_up_window <= 604800))),
  constraint archives_folder_key UNIQUE (folder),
  constraint archives_format_check CHECK ((format = ANY (ARRAY['tar'::text, 'tar.gz'::text, 'tar.zst'::text, 'folder'::text]))),
  constraint archives_level_check CHECK (((level >= 1) AND (level <= 19))),
  constraint archives_max_downtime_check CHECK (((max_downtime >= 10) AND (max_downtime <= 86400))),
  constraint archives_mode_check CHECK ((mode = ANY (ARRAY['stop'::text, 'pause'::text, 'live'::text]))),
  constraint archives_name_check CHECK (((name = btrim(name)) AND ((length(name) >= 1) AND (length(name) <= 100)))),
  constraint archives_name_key UNIQUE (name),
  constraint archives_pkey PRIMARY KEY (id),
  constraint archives_retention_keep_days_check CHECK (((retention_keep_days >= 0) AND (retention_keep_days <= 10000))),
  constraint archives_retention_keep_months_check CHECK (((retention_keep_months >= 0) AND (retention_keep_months <= 10000))),
  constraint archives_retention_keep_weeks_check CHECK (((retention_keep_weeks >= 0) AND (retention_keep_weeks <= 10000))),
  constraint archives_retention_keep_years_check CHECK (((retention_keep_years >= 0) AND (retention_keep_years <= 10000))),
  constraint keeps_something CHECK (((((retention_keep_days + retention_keep_weeks) + retention_keep_months) + retention_keep_years) > 0))
);

create table archiver.audit_log (
  id bigint not null generated always as identity,
  at timestamp with time zone not null default now(),
  user_id text,
  user_name text not null,
  by_token boolean not null default false,
  action text not null,
  resource text not null,
  resource_id text not null default ''::text,
  detail jsonb not null default '{}'::jsonb,
  address text not null default ''::text,
  constraint audit_log_pkey PRIMARY KEY (id)
);

create table archiver.backups (
  id bigint not null generated always as identity,
  host_id integer not null,
  stack_id integer,
  archive_id integer,
  job_id bigint,
  archive_name text not null,
  stack_name text not null,
  path text not null,
  format text not null,
  state text not null,
  size_bytes bigint not null,
  file_count bigint not null,
  sha256 text not null,
  created_at timestamp with time zone not null,
  verified_at timestamp with time zone not null,
  pinned boolean not null default false,
  trashed_at timestamp with time zone,
  trash_path text,
  deleted_at timestamp with time zone,
  delete_reason text not null default ''::text,
  verify_error text not null default ''::text,
  acknowledged_at timestamp with time zone,
  orphaned_at timestamp with time zone,
  sound_state text,
  constraint backups_archive_id_fkey FOREIGN KEY (archive_id) REFERENCES archiver.archives(id) ON DELETE SET NULL,
  constraint backups_host_id_fkey FOREIGN KEY (host_id) REFERENCES archiver.hosts(id),
  constraint backups_host_id_path_key UNIQUE (host_id, path),
  constraint backups_job_id_fkey FOREIGN KEY (job_id) REFERENCES archiver.jobs(id) ON DELETE SET NULL,
  constraint backups_pkey PRIMARY KEY (id),
  constraint backups_sound_state_check CHECK ((sound_state = ANY (ARRAY['good'::text, 'incomplete'::text]))),
  constraint backups_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES archiver.stacks(id) ON DELETE SET NULL,
  constraint backups_state_check CHECK ((state = ANY (ARRAY['good'::text, 'incomplete'::text, 'corrupt'::text, 'deleted'::text])))
);

create table archiver.download_tokens (
  token_hash text not null,
  download_id bigint not null,
  created_at timestamp with time zone not null default now(),
  constraint download_tokens_download_id_fkey FOREIGN KEY (download_id) REFERENCES archiver.downloads(id) ON DELETE CASCADE,
  constraint download_tokens_pkey PRIMARY KEY (token_hash)
);

create table archiver.downloads (
  id bigint not null generated always as identity,
  backup_id bigint not null,
  created_by text not null default ''::text,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  notify_emails text[] not null default '{}'::text[],
  last_used_at timestamp with time zone,
  use_count integer not null default 0,
  origin text not null default ''::text,
  told_emails text[] not null default '{}'::text[],
  constraint downloads_backup_id_fkey FOREIGN KEY (backup_id) REFERENCES archiver.backups(id),
  constraint downloads_pkey PRIMARY KEY (id)
);

create table archiver.hosts (
  id integer not null generated always as identity,
  name text not null,
  role_name name not null,
  epoch bigint not null default 0,
  agent_version text not null default ''::text,
  agent_started_at timestamp with time zone,
  last_seen_at timestamp with time zone,
  parallel_stacks integer not null default 1,
  status jsonb,
  created_at timestamp with time zone not null default now(),
  constraint hosts_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._-]{0,39}$'::text)),
  constraint hosts_name_key UNIQUE (name),
  constraint hosts_parallel_stacks_check CHECK (((parallel_stacks >= 1) AND (parallel_stacks <= 16))),
  constraint hosts_pkey PRIMARY KEY (id),
  constraint hosts_role_name_key UNIQUE (role_name)
);

create table archiver.job_stacks (
  id bigint not null generated always as identity,
  job_id bigint not null,
  stack_id integer,
  host_id integer,
  stack_name text not null,
  status text not null default 'queued'::text,
  reason text not null default ''::text,
  was_running boolean,
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  downtime_seconds double precision,
  archive_path text,
  archive_size_bytes bigint,
  file_count bigint,
  progress jsonb,
  not_covered text[] not null default '{}'::text[],
  pull jsonb,
  reclaimed_bytes bigint not null default 0,
  steps jsonb not null default '[]'::jsonb,
  content_bytes bigint,
  reused_bytes bigint,
  constraint job_stacks_host_id_fkey FOREIGN KEY (host_id) REFERENCES archiver.hosts(id) ON DELETE SET NULL,
  constraint job_stacks_job_id_fkey FOREIGN KEY (job_id) REFERENCES archiver.jobs(id) ON DELETE CASCADE,
  constraint job_stacks_pkey PRIMARY KEY (id),
  constraint job_stacks_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES archiver.stacks(id) ON DELETE SET NULL,
  constraint job_stacks_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'success'::text, 'warning'::text, 'failed'::text, 'cancelled'::text])))
);

create table archiver.jobs (
  id bigint not null generated always as identity,
  job_type text not null,
  archive_id integer,
  archive_name text not null,
  status text not null default 'queued'::text,
  reason text not null default ''::text,
  triggered_by text not null,
  is_dry_run boolean not null default false,
  created_at timestamp with time zone not null default now(),
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  cancel_requested_at timestamp with time zone,
  total_size_bytes bigint not null default 0,
  reclaimed_bytes bigint not null default 0,
  last_line bigint not null default 0,
  options jsonb not null default '{}'::jsonb,
  scheduled_for timestamp with time zone,
  phase smallint not null default 0,
  results jsonb not null default '{}'::jsonb,
  log_pruned_at timestamp with time zone,
  phase_times jsonb not null default '{}'::jsonb,
  constraint jobs_archive_id_fkey FOREIGN KEY (archive_id) REFERENCES archiver.archives(id) ON DELETE SET NULL,
  constraint jobs_job_type_check CHECK ((job_type = ANY (ARRAY['archive'::text, 'retention'::text, 'cleanup'::text, 'restore'::text, 'verify'::text, 'download'::text]))),
  constraint jobs_phase_check CHECK (((phase >= 0) AND (phase <= 3))),
  constraint jobs_pkey PRIMARY KEY (id),
  constraint jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'success'::text, 'warning'::text, 'failed'::text, 'cancelled'::text]))),
  constraint jobs_triggered_by_check CHECK ((triggered_by = ANY (ARRAY['manual'::text, 'schedule'::text, 'api'::text, 'sql'::text])))
);

create table archiver.log_lines (
  job_id bigint not null,
  line bigint not null,
  job_stack_id bigint,
  at timestamp with time zone not null,
  level text not null,
  text text not null,
  constraint log_lines_job_id_fkey FOREIGN KEY (job_id) REFERENCES archiver.jobs(id) ON DELETE CASCADE,
  constraint log_lines_level_check CHECK ((level = ANY (ARRAY['debug'::text, 'info'::text, 'warn'::text, 'error'::text]))),
  constraint log_lines_pkey PRIMARY KEY (job_id, line)
);

create table archiver.mails (
  id bigint not null generated always as identity,
  kind text not null,
  job_id bigint,
  download_id bigint,
  recipients text[] not null,
  state text not null default 'queued'::text,
  attempts integer not null default 0,
  last_error text not null default ''::text,
  created_at timestamp with time zone not null default now(),
  sent_at timestamp with time zone,
  sent_to text[] not null default '{}'::text[],
  refused text[] not null default '{}'::text[],
  response text not null default ''::text,
  asked_by text,
  sending_until timestamp with time zone,
  constraint mails_asked_by_key UNIQUE (asked_by),
  constraint mails_download_id_fkey FOREIGN KEY (download_id) REFERENCES archiver.downloads(id) ON DELETE CASCADE,
  constraint mails_job_id_fkey FOREIGN KEY (job_id) REFERENCES archiver.jobs(id) ON DELETE CASCADE,
  constraint mails_kind_check CHECK ((kind = ANY (ARRAY['report'::text, 'error'::text, 'cleanup'::text, 'link'::text, 'corrupt'::text, 'test'::text]))),
  constraint mails_pkey PRIMARY KEY (id),
  constraint mails_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'sent'::text, 'failed'::text])))
);

create table archiver.missed_runs (
  id bigint not null generated always as identity,
  archive_id integer,
  scheduled_for timestamp with time zone not null,
  reason text not null,
  recorded_at timestamp with time zone not null default now(),
  constraint missed_runs_archive_id_fkey FOREIGN KEY (archive_id) REFERENCES archiver.archives(id) ON DELETE CASCADE,
  constraint missed_runs_pkey PRIMARY KEY (id)
);

create table archiver.prepared_files (
  backup_id bigint not null,
  state text not null,
  job_id bigint,
  path text,
  size_bytes bigint,
  sha256 text,
  reason text not null default ''::text,
  updated_at timestamp with time zone not null default now(),
  attempts integer not null default 0,
  constraint prepared_files_backup_id_fkey FOREIGN KEY (backup_id) REFERENCES archiver.backups(id),
  constraint prepared_files_job_id_fkey FOREIGN KEY (job_id) REFERENCES archiver.jobs(id) ON DELETE SET NULL,
  constraint prepared_files_pkey PRIMARY KEY (backup_id),
  constraint prepared_files_state_check CHECK ((state = ANY (ARRAY['preparing'::text, 'ready'::text, 'failed'::text])))
);

create table archiver.settings (
  section text not null,
  value jsonb not null,
  updated_at timestamp with time zone not null default now(),
  constraint settings_pkey PRIMARY KEY (section),
  constraint settings_section_check CHECK ((section = ANY (ARRAY['general'::text, 'notifications'::text, 'security'::text, 'cleanup'::text])))
);

create table archiver.stacks (
  id integer not null generated always as identity,
  host_id integer not null,
  path text not null,
  name text not null,
  folder text not null,
  compose_file text not null,
  project text not null,
  kind text not null,
  containers jsonb not null,
  mounts jsonb not null,
  own boolean not null,
  seen_at timestamp with time zone not null default now(),
  gone_at timestamp with time zone,
  constraint stacks_host_id_fkey FOREIGN KEY (host_id) REFERENCES archiver.hosts(id) ON DELETE CASCADE,
  constraint stacks_host_id_folder_key UNIQUE (host_id, folder),
  constraint stacks_host_id_path_key UNIQUE (host_id, path),
  constraint stacks_kind_check CHECK ((kind = ANY (ARRAY['direct'::text, 'nested'::text, 'project'::text]))),
  constraint stacks_pkey PRIMARY KEY (id)
);

create table archiver.tasks (
  id bigint not null generated always as identity,
  job_id bigint,
  job_stack_id bigint,
  host_id integer not null,
  kind text not null,
  payload jsonb not null,
  state text not null default 'queued'::text,
  epoch bigint,
  lease_until timestamp with time zone,
  out_of_contact_since timestamp with time zone,
  last_seq bigint not null default 0,
  outcome jsonb,
  created_at timestamp with time zone not null default now(),
  claimed_at timestamp with time zone,
  finished_at timestamp with time zone,
  progress jsonb,
  constraint tasks_belong_to_jobs CHECK (((job_id IS NOT NULL) OR (kind = 'send_bytes'::text))),
  constraint tasks_host_id_fkey FOREIGN KEY (host_id) REFERENCES archiver.hosts(id) ON DELETE CASCADE,
  constraint tasks_job_id_fkey FOREIGN KEY (job_id) REFERENCES archiver.jobs(id) ON DELETE CASCADE,
  constraint tasks_job_stack_id_fkey FOREIGN KEY (job_stack_id) REFERENCES archiver.job_stacks(id) ON DELETE CASCADE,
  constraint tasks_kind_check CHECK ((kind = ANY (ARRAY['archive_stack'::text, 'delete_backups'::text, 'trash_backups'::text, 'untrash_backups'::text, 'verify_backups'::text, 'clean_up'::text, 'fix_permissions'::text, 'send_bytes'::text, 'prepare_download'::text]))),
  constraint tasks_pkey PRIMARY KEY (id),
  constraint tasks_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'finished'::text])))
);

create table archiver.timers (
  name text not null,
  cron text not null,
  time_zone text not null,
  next_run_at timestamp with time zone,
  constraint timers_name_check CHECK ((name = ANY (ARRAY['cleanup'::text, 'verify'::text]))),
  constraint timers_pkey PRIMARY KEY (name)
);

create table auth.account (
  id text not null,
  "accountId" text not null,
  "providerId" text not null,
  "userId" text not null,
  "accessToken" text,
  "refreshToken" text,
  "idToken" text,
  "accessTokenExpiresAt" timestamp with time zone,
  "refreshTokenExpiresAt" timestamp with time zone,
  scope text,
  password text,
  "createdAt" timestamp with time zone not null default CURRENT_TIMESTAMP,
  "updatedAt" timestamp with time zone not null,
  constraint account_pkey PRIMARY KEY (id),
  constraint "account_userId_fkey" FOREIGN KEY ("userId") REFERENCES auth."user"(id) ON DELETE CASCADE
);

create table auth.apikey (
  id text not null,
  "configId" text not null,
  name text,
  start text,
  "referenceId" text not null,
  prefix text,
  key text not null,
  "refillInterval" integer,
  "refillAmount" integer,
  "lastRefillAt" timestamp with time zone,
  enabled boolean,
  "rateLimitEnabled" boolean,
  "rateLimitTimeWindow" integer,
  "rateLimitMax" integer,
  "requestCount" integer,
  remaining integer,
  "lastRequest" timestamp with time zone,
  "expiresAt" timestamp with time zone,
  "createdAt" timestamp with time zone not null,
  "updatedAt" timestamp with time zone not null,
  permissions text,
  metadata text,
  constraint apikey_pkey PRIMARY KEY (id)
);

create table auth.session (
  id text not null,
  "expiresAt" timestamp with time zone not null,
  token text not null,
  "createdAt" timestamp with time zone not null default CURRENT_TIMESTAMP,
  "updatedAt" timestamp with time zone not null,
  "ipAddress" text,
  "userAgent" text,
  "userId" text not null,
  "impersonatedBy" text,
  constraint session_pkey PRIMARY KEY (id),
  constraint session_token_key UNIQUE (token),
  constraint "session_userId_fkey" FOREIGN KEY ("userId") REFERENCES auth."user"(id) ON DELETE CASCADE
);

create table auth.sign_in_failures (
  key text not null,
  failures integer not null,
  since timestamp with time zone not null,
  constraint sign_in_failures_pkey PRIMARY KEY (key)
);

create table auth."user" (
  id text not null,
  name text not null,
  email text not null,
  "emailVerified" boolean not null,
  image text,
  "createdAt" timestamp with time zone not null default CURRENT_TIMESTAMP,
  "updatedAt" timestamp with time zone not null default CURRENT_TIMESTAMP,
  username text,
  "displayUsername" text,
  role text,
  banned boolean,
  "banReason" text,
  "banExpires" timestamp with time zone,
  constraint user_email_key UNIQUE (email),
  constraint user_pkey PRIMARY KEY (id),
  constraint user_username_key UNIQUE (username)
);

create table auth.verification (
  id text not null,
  identifier text not null,
  value text not null,
  "expiresAt" timestamp with time zone not null,
  "createdAt" timestamp with time zone not null default CURRENT_TIMESTAMP,
  "updatedAt" timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint verification_pkey PRIMARY KEY (id)
);

CREATE INDEX archive_stacks_stack_id_idx ON archiver.archive_stacks USING btree (stack_id);

CREATE INDEX archives_next_run_at_idx ON archiver.archives USING btree (next_run_at) WHERE schedule_enabled;

CREATE INDEX audit_log_at_idx ON archiver.audit_log USING btree (at DESC);

CREATE INDEX audit_log_resource_resource_id_id_idx ON archiver.audit_log USING btree (resource, resource_id, id DESC);

CREATE INDEX audit_log_user_id_id_idx ON archiver.audit_log USING btree (user_id, id DESC);

CREATE INDEX backups_archive_id_id_idx ON archiver.backups USING btree (archive_id, id DESC);

CREATE INDEX backups_host_id_id_idx ON archiver.backups USING btree (host_id, id DESC);

CREATE INDEX backups_id_idx ON archiver.backups USING btree (id DESC) WHERE (trashed_at IS NOT NULL);

CREATE INDEX backups_id_idx1 ON archiver.backups USING btree (id DESC) WHERE (state = ANY (ARRAY['incomplete'::text, 'corrupt'::text]));

CREATE INDEX backups_job_id_idx ON archiver.backups USING btree (job_id);

CREATE INDEX backups_stack_id_id_idx ON archiver.backups USING btree (stack_id, id DESC);

CREATE INDEX backups_stack_id_id_idx1 ON archiver.backups USING btree (stack_id, id DESC) WHERE ((state = 'good'::text) AND (trashed_at IS NULL));

CREATE INDEX backups_state_trashed_at_size_bytes_idx ON archiver.backups USING btree (state, trashed_at) INCLUDE (size_bytes) WHERE (state <> 'deleted'::text);

CREATE INDEX backups_verified_at_idx ON archiver.backups USING btree (verified_at) WHERE (state <> 'deleted'::text);

CREATE INDEX download_tokens_download_id_idx ON archiver.download_tokens USING btree (download_id);

CREATE INDEX downloads_backup_id_idx ON archiver.downloads USING btree (backup_id);

CREATE INDEX downloads_expires_at_idx ON archiver.downloads USING btree (expires_at);

CREATE INDEX job_stacks_job_id_idx ON archiver.job_stacks USING btree (job_id);

CREATE INDEX job_stacks_stack_id_id_idx ON archiver.job_stacks USING btree (stack_id, id DESC);

CREATE INDEX jobs_archive_id_id_idx ON archiver.jobs USING btree (archive_id, id DESC);

CREATE INDEX jobs_created_at_idx ON archiver.jobs USING btree (created_at) WHERE (NOT is_dry_run);

CREATE INDEX jobs_end_time_idx ON archiver.jobs USING btree (end_time) WHERE (end_time IS NOT NULL);

CREATE INDEX jobs_id_idx ON archiver.jobs USING btree (id DESC) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE INDEX log_lines_job_id_job_stack_id_line_idx ON archiver.log_lines USING btree (job_id, job_stack_id, line) WHERE (job_stack_id IS NOT NULL);

CREATE INDEX mails_created_at_idx ON archiver.mails USING btree (created_at DESC);

CREATE UNIQUE INDEX mails_kind_job_id_idx ON archiver.mails USING btree (kind, job_id) WHERE ((job_id IS NOT NULL) AND (kind <> 'link'::text));

CREATE INDEX mails_sending_until_idx ON archiver.mails USING btree (sending_until) WHERE (sending_until IS NOT NULL);

CREATE INDEX missed_runs_archive_id_scheduled_for_idx ON archiver.missed_runs USING btree (archive_id, scheduled_for DESC);

CREATE INDEX missed_runs_scheduled_for_idx ON archiver.missed_runs USING btree (scheduled_for);

CREATE INDEX tasks_expr_idx ON archiver.tasks USING gin (((outcome -> 'backups'::text)) jsonb_path_ops) WHERE (kind = ANY (ARRAY['delete_backups'::text, 'trash_backups'::text, 'untrash_backups'::text, 'verify_backups'::text, 'clean_up'::text]));

CREATE INDEX tasks_host_id_id_idx ON archiver.tasks USING btree (host_id, id) WHERE (state <> 'finished'::text);

CREATE INDEX tasks_host_id_id_idx1 ON archiver.tasks USING btree (host_id, id) WHERE (state = 'running'::text);

CREATE INDEX tasks_job_id_idx ON archiver.tasks USING btree (job_id);

CREATE INDEX tasks_job_id_idx1 ON archiver.tasks USING btree (job_id) WHERE (state <> 'finished'::text);

CREATE INDEX "account_userId_idx" ON auth.account USING btree ("userId");

CREATE INDEX "apikey_configId_idx" ON auth.apikey USING btree ("configId");

CREATE INDEX apikey_key_idx ON auth.apikey USING btree (key);

CREATE INDEX "apikey_referenceId_idx" ON auth.apikey USING btree ("referenceId");

CREATE INDEX "session_userId_idx" ON auth.session USING btree ("userId");

CREATE INDEX verification_identifier_idx ON auth.verification USING btree (identifier);

CREATE OR REPLACE FUNCTION archiver.add_task(job_id bigint, job_stack_id bigint, host_id integer, kind text, payload jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
declare
  made bigint;
begin
  insert into archiver.tasks (job_id, job_stack_id, host_id, kind, payload)
  values (add_task.job_id, add_task.job_stack_id, add_task.host_id, add_task.kind, add_task.payload) returning id into made;
  perform archiver.wake_agent(add_task.host_id);
  return made;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_claim(epoch bigint, holding bigint[])
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_finish(epoch bigint, task_id bigint, outcome jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform archiver.agent_task(archiver.agent_host(agent_finish.epoch), agent_finish.task_id);
  perform archiver.close_task(agent_finish.task_id, agent_finish.outcome);
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_flush()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  -- a record of its own, since a transaction that writes nothing waits for nothing
  perform pg_logical_emit_message(true, 'archiver', '');
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_heartbeat(epoch bigint, status jsonb, tasks jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_host(epoch bigint DEFAULT NULL::bigint)
 RETURNS archiver.hosts
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_log(epoch bigint, task_id bigint, lines jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform archiver.agent_task(archiver.agent_host(agent_log.epoch), agent_log.task_id);
  perform archiver.store_lines(agent_log.task_id, agent_log.lines);
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_report_stacks(epoch bigint, stacks jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  host archiver.hosts := archiver.agent_host(agent_report_stacks.epoch);
  seen record;
  base text;
  wanted text;
  suffix integer;
begin
  for seen in
    select * from jsonb_to_recordset(agent_report_stacks.stacks)
      as r(path text, name text, compose_file text, project text, kind text, containers jsonb, mounts jsonb, own boolean)
    order by path
  loop
    update archiver.stacks as s
    set name = seen.name, compose_file = seen.compose_file, project = seen.project, kind = seen.kind,
      containers = seen.containers, mounts = seen.mounts, own = seen.own, seen_at = now(), gone_at = null
    where s.host_id = host.id and s.path = seen.path;
    continue when found;
    base := archiver.folder_name(seen.name);
    wanted := base;
    suffix := 2;
    while exists (select from archiver.stacks as s where s.host_id = host.id and s.folder = wanted) loop
      wanted := base || '-' || suffix;
      suffix := suffix + 1;
    end loop;
    insert into archiver.stacks (host_id, path, name, folder, compose_file, project, kind, containers, mounts, own)
    values (host.id, seen.path, seen.name, wanted, seen.compose_file, seen.project, seen.kind, seen.containers, seen.mounts, seen.own);
  end loop;

  update archiver.stacks as s set gone_at = now()
  where s.host_id = host.id and s.gone_at is null
    and s.path not in (select item ->> 'path' from jsonb_array_elements(agent_report_stacks.stacks) as item);
  perform archiver.announce('stacks');
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_start(agent_version text, status jsonb, left_behind jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  host archiver.hosts := archiver.agent_host();
  task record;
  known jsonb;
begin
  update archiver.hosts as h
  set epoch = h.epoch + 1, agent_version = agent_start.agent_version, status = agent_start.status,
    agent_started_at = now(), last_seen_at = now()
  where h.id = host.id returning * into host;

  for task in
    select t.id, t.job_id, t.job_stack_id, t.state from archiver.tasks as t
    where t.host_id = host.id
      and (t.state = 'running' or t.id in (select (item ->> 'task_id')::bigint from jsonb_array_elements(left_behind) as item))
    order by t.id
  loop
    select item into known from jsonb_array_elements(left_behind) as item where (item ->> 'task_id')::bigint = task.id;
    if known is null then
      perform archiver.write_log(task.job_id, task.job_stack_id, 'error',
        format('The agent of host %s was restarted during this step and left no record of it', host.name));
      perform archiver.close_task(task.id, jsonb_build_object('status', 'failed',
        'reason', format('the agent of host %s was restarted during this step', host.name)));
    else
      if task.state = 'running' then
        perform archiver.store_lines(task.id, known -> 'lines');
      end if;
      perform archiver.close_task(task.id, known -> 'outcome');
    end if;
  end loop;
  perform archiver.announce('hosts', host.id);
  return jsonb_build_object('epoch', host.epoch, 'host_id', host.id, 'host_name', host.name);
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.agent_task(host archiver.hosts, task_id bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if not exists (select from archiver.tasks as t where t.id = agent_task.task_id and t.host_id = host.id and t.epoch = host.epoch) then
    perform archiver.refuse('AR404', format('Task %s is not held by this agent', agent_task.task_id));
  end if;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.announce(resource text, id bigint DEFAULT NULL::bigint)
 RETURNS void
 LANGUAGE sql
AS $function$
  select pg_notify('archiver_events', json_build_object('resource', resource, 'id', id)::text)
$function$
;

CREATE OR REPLACE FUNCTION archiver.announce_table()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform archiver.announce(tg_argv[0]);
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.ask_for_bytes(host_id integer, payload jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
begin
  delete from archiver.tasks as t
  where t.kind = 'send_bytes' and t.job_id is null and t.state = 'finished' and t.finished_at < now() - interval '1 hour';
  return archiver.add_task(null, null, ask_for_bytes.host_id, 'send_bytes', ask_for_bytes.payload);
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.cancel_job(job_id bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  job archiver.jobs;
  task record;
begin
  select * into job from archiver.jobs as j where j.id = cancel_job.job_id for update;
  if not found then
    perform archiver.refuse('AR404', format('There is no job with id %s', cancel_job.job_id));
  end if;
  if job.status not in ('queued', 'running') then
    perform archiver.refuse('AR409', format('Job %s has already ended: %s', job.id, job.status));
  end if;
  if job.cancel_requested_at is null then
    update archiver.jobs as j set cancel_requested_at = now() where j.id = job.id;
    perform archiver.write_log(job.id, null, 'warn', 'Cancel was asked for');
  end if;
  for task in select t.id, t.host_id, t.state, t.lease_until from archiver.tasks as t where t.job_id = job.id and t.state <> 'finished' for update loop
    if task.state = 'queued' then
      perform archiver.close_task(task.id, '{"status": "cancelled", "reason": "cancelled before it began"}');
    elsif task.lease_until < now() - interval '5 minutes' then
      -- its agent may never come back; if it does, it is told to give up, and a backup it had made is kept
      perform archiver.close_task(task.id, '{"status": "cancelled", "reason": "cancelled while its agent was out of contact"}');
    else
      perform archiver.wake_agent(task.host_id);
    end if;
  end loop;
  perform archiver.announce('jobs', job.id);
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.close_overdue(host archiver.hosts)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  silent_since timestamptz := coalesce(host.last_seen_at, host.created_at);
  late record;
  why text;
begin
  if silent_since > now() - interval '5 minutes' then
    return;
  end if;
  for late in
    select t.id, t.job_id, t.job_stack_id, j.scheduled_for
    from archiver.tasks as t
    join archiver.jobs as j on j.id = t.job_id
    left join archiver.archives as a on a.id = j.archive_id
    where t.host_id = host.id and t.state = 'queued' and t.kind = 'archive_stack' and j.triggered_by = 'schedule'
      -- the same grace as for a tick that comes late (db/domain/schedule.ts)
      and j.scheduled_for + make_interval(secs => greatest(coalesce(a.catch_up_window, 0), 120)) < now()
    order by t.id
  loop
    why := format('the agent of host %s had been out of contact since %s, and it is too late to catch up on a run that was due at %s',
      host.name, date_trunc('second', silent_since), late.scheduled_for);
    perform archiver.write_log(late.job_id, late.job_stack_id, 'error', 'Not archived: ' || why);
    perform archiver.close_task(late.id, jsonb_build_object('status', 'failed', 'reason', why));
  end loop;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.close_task(task_id bigint, outcome jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.close_unreachable_care()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.drop_transfer(task_id bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform from archiver.tasks as t where t.id = drop_transfer.task_id and t.state = 'queued' for update;
  if found then
    perform archiver.close_task(drop_transfer.task_id, '{"status": "cancelled", "reason": "nobody reads any more", "backups": []}');
  end if;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.end_forgotten_work()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  one record;
begin
  for one in
    select h.id from archiver.hosts as h
    where exists (select from archiver.tasks as t where t.host_id = h.id and t.state = 'queued' and t.kind = 'archive_stack')
    order by h.id
  loop
    perform archiver.close_overdue(h) from archiver.hosts as h where h.id = one.id;
  end loop;
  -- a host that was removed took its tasks along; a server that lost the database may have lost finish_job with it;
  -- a cleanup that has not begun has no tasks yet
  for one in
    select j.id from archiver.jobs as j
    where j.status in ('queued', 'running') and j.created_at < now() - interval '30 seconds'
      and not (j.job_type = 'cleanup' and j.phase = 0)
      and not exists (
        select from archiver.tasks as t
        where t.job_id = j.id and (t.state <> 'finished' or t.finished_at > now() - interval '30 seconds'))
    order by j.id
  loop
    perform archiver.settle_job(one.id);
  end loop;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.folder_name(name text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select coalesce(nullif(left(btrim(regexp_replace(name, '[^A-Za-z0-9._-]+', '_', 'g'), '._-'), 100), ''), 'unnamed')
$function$
;

CREATE OR REPLACE FUNCTION archiver.idle_archive(archive_id integer)
 RETURNS archiver.archives
 LANGUAGE plpgsql
AS $function$
declare
  archive archiver.archives;
  unfinished bigint;
begin
  select * into archive from archiver.archives as a where a.id = idle_archive.archive_id for no key update;
  if not found then
    perform archiver.refuse('AR404', format('There is no archive with id %s', idle_archive.archive_id));
  end if;
  unfinished := archiver.unfinished_job(archive.id);
  if unfinished is not null then
    perform archiver.refuse('AR409', format('Job %s of archive "%s" has not finished yet', unfinished, archive.name));
  end if;
  return archive;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.lane(kind text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case kind when 'archive_stack' then 'archive' when 'send_bytes' then 'send' else 'care' end
$function$
;

CREATE OR REPLACE FUNCTION archiver.lane_width(host archiver.hosts, kind text)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case archiver.lane(kind) when 'archive' then host.parallel_stacks when 'send' then 16 else 1 end
$function$
;

CREATE OR REPLACE FUNCTION archiver.mark_out_of_contact()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  lost record;
begin
  for lost in
    select t.id, t.job_id, t.job_stack_id, t.lease_until, h.name as host_name
    from archiver.tasks as t join archiver.hosts as h on h.id = t.host_id
    where t.state = 'running' and t.lease_until < now() and t.out_of_contact_since is null
    order by t.id
  loop
    perform archiver.write_log(lost.job_id, lost.job_stack_id, 'warn',
      format('The agent of host %s has been out of contact since %s. It goes on by itself, and reports when it can reach the server again.',
        lost.host_name, date_trunc('second', lost.lease_until - interval '60 seconds')));
    update archiver.tasks as t set out_of_contact_since = lost.lease_until - interval '60 seconds' where t.id = lost.id and t.state = 'running';
    perform archiver.announce('jobs', lost.job_id);
  end loop;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.note_job()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform graphile_worker.add_job('note_job', json_build_object('job_id', new.id, 'status', new.status), max_attempts := 3);
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.note_last_steps()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update archiver.job_stacks as s set steps = new.outcome -> 'steps' where s.id = new.job_stack_id;
  return new;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.note_phase()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.phase_times := new.phase_times || jsonb_build_object(new.phase, clock_timestamp());
  return new;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.note_reuse()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update archiver.job_stacks as s
  set content_bytes = (new.outcome #>> '{backup,content_bytes}')::bigint,
    reused_bytes = (new.outcome #>> '{backup,reused_bytes}')::bigint
  where s.id = new.job_stack_id;
  return new;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.note_steps()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.steps := new.progress -> 'steps';
  return new;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.prepare_download(backup_id bigint, name text, triggered_by text, again boolean DEFAULT false)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.prepare_download_ended()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.record_backup(task archiver.tasks, made jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if made is null then
    return;
  end if;
  insert into archiver.backups (host_id, stack_id, archive_id, job_id, archive_name, stack_name, path, format, state,
    size_bytes, file_count, sha256, created_at, verified_at)
  select task.host_id, s.stack_id, j.archive_id, j.id, j.archive_name, s.stack_name, made ->> 'path', made ->> 'format',
    case when (made ->> 'unreadable_count')::bigint > 0 then 'incomplete' else 'good' end,
    (made ->> 'size_bytes')::bigint, (made ->> 'file_count')::bigint, made ->> 'sha256',
    (made ->> 'created_at')::timestamptz, (made ->> 'verified_at')::timestamptz
  from archiver.jobs as j
  join archiver.job_stacks as s on s.job_id = j.id
  where s.id = task.job_stack_id
  on conflict (host_id, path) do nothing;
  perform archiver.announce('backups');
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.record_care(task archiver.tasks, outcome jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.refuse(code text, message text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  raise exception using errcode = code, message = refuse.message;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.register_host(name text, password text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  host archiver.hosts;
  role text := 'archiver_host_' || name;
begin
  select * into host from archiver.hosts as h where h.name = register_host.name;
  if not found then
    if exists (select from pg_roles where rolname = role) then
      perform archiver.refuse('AR409', format('There is a database role "%s" already, of another database', role));
    end if;
    insert into archiver.hosts (name, role_name) values (register_host.name, role) returning * into host;
    execute format('create role %I login connection limit 8', role);
    execute format('alter role %I set statement_timeout = %L', role, '30s');
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', role, '30s');
    execute format('grant connect on database %I to %I', current_database(), role);
    execute format('grant archiver_agent to %I', role);
  end if;
  execute format('alter role %I password %L', host.role_name, register_host.password);
  perform archiver.announce('hosts', host.id);
  return host.id;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.send_mail_soon(mail_id bigint)
 RETURNS void
 LANGUAGE sql
AS $function$
  select graphile_worker.add_job('send_mail', json_build_object('mail_id', send_mail_soon.mail_id),
    job_key := 'send_mail:' || send_mail_soon.mail_id, max_attempts := 13);
$function$
;

CREATE OR REPLACE FUNCTION archiver.settle_job(job_id bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if settle_job.job_id is not null
    and not exists (select from archiver.tasks as t where t.job_id = settle_job.job_id and t.state <> 'finished') then
    perform graphile_worker.add_job('finish_job', json_build_object('job_id', settle_job.job_id),
      job_key := 'finish_job:' || settle_job.job_id, max_attempts := 25);
  end if;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.silent_since(host archiver.hosts)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select case when host.last_seen_at is null then host.created_at
    when host.last_seen_at < now() - interval '5 minutes' then host.last_seen_at end
$function$
;

CREATE OR REPLACE FUNCTION archiver.start_archive_job(archive_id integer, triggered_by text, options jsonb DEFAULT '{}'::jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.start_job(job_type text, archive_id integer, archive_name text, triggered_by text, is_dry_run boolean, options jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
declare
  made bigint;
begin
  insert into archiver.jobs (job_type, archive_id, archive_name, triggered_by, is_dry_run, options)
  values (start_job.job_type, start_job.archive_id, start_job.archive_name, start_job.triggered_by, start_job.is_dry_run, start_job.options)
  returning id into made;
  perform archiver.announce('jobs', made);
  return made;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.start_retention_job(archive_id integer, triggered_by text, is_dry_run boolean)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
declare
  archive archiver.archives := archiver.idle_archive(start_retention_job.archive_id);
  new_job bigint;
begin
  new_job := archiver.start_job('retention', archive.id, archive.name, start_retention_job.triggered_by, start_retention_job.is_dry_run, '{}');
  perform archiver.write_log(new_job, null, 'info', format('Phase 0: %sretention of archive "%s", triggered by %s',
    case when is_dry_run then 'dry run of the ' else '' end, archive.name, start_retention_job.triggered_by));
  perform archiver.settle_job(new_job);
  return new_job;
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.store_lines(task_id bigint, lines jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  task archiver.tasks;
  taken bigint;
begin
  perform from archiver.jobs as j
  where j.id = (select t.job_id from archiver.tasks as t where t.id = store_lines.task_id) for update;
  select * into task from archiver.tasks as t where t.id = store_lines.task_id for update;

  with fresh as (
    select (item ->> 'seq')::bigint as seq, (item ->> 'at')::timestamptz as at, item ->> 'level' as level, item ->> 'text' as text
    from jsonb_array_elements(lines) as item
    where (item ->> 'seq')::bigint > task.last_seq
  ), numbered as (
    update archiver.jobs as j set last_line = j.last_line + (select count(*) from fresh)
    where j.id = task.job_id returning j.last_line - (select count(*) from fresh) as before
  )
  insert into archiver.log_lines (job_id, line, job_stack_id, at, level, text)
  select task.job_id, numbered.before + row_number() over (order by fresh.seq), task.job_stack_id, fresh.at, fresh.level, fresh.text
  from fresh, numbered;

  select max((item ->> 'seq')::bigint) into taken from jsonb_array_elements(lines) as item;
  update archiver.tasks as t set last_seq = greatest(t.last_seq, taken) where t.id = task.id;
  perform archiver.announce('log', task.job_id);
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.submit_job(archive_id integer, triggered_by text DEFAULT 'sql'::text, is_dry_run boolean DEFAULT false)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  is_client boolean := not pg_has_role(session_user, current_user, 'member');
begin
  return archiver.start_archive_job(submit_job.archive_id, case when is_client then 'sql' else submit_job.triggered_by end,
    case when submit_job.is_dry_run then '{"dry_run": {"stop_containers": true, "create_archive": true, "run_retention": true}}'::jsonb
      else '{}'::jsonb end);
end
$function$
;

CREATE OR REPLACE FUNCTION archiver.tell_of_download(download_id bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION archiver.unfinished_job(archive_id integer)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
  select j.id from archiver.jobs as j
  where j.archive_id = unfinished_job.archive_id and j.status in ('queued', 'running') and j.job_type in ('archive', 'retention', 'restore')
  order by j.id limit 1
$function$
;

CREATE OR REPLACE FUNCTION archiver.wake_agent(host_id integer)
 RETURNS void
 LANGUAGE sql
AS $function$
  select pg_notify('archiver_host_' || host_id, '')
$function$
;

CREATE OR REPLACE FUNCTION archiver.write_log(job_id bigint, job_stack_id bigint, level text, text text, at timestamp with time zone DEFAULT clock_timestamp())
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$
;

grant execute on function archiver.agent_claim(epoch bigint, holding bigint[]) to archiver_agent;

grant execute on function archiver.agent_finish(epoch bigint, task_id bigint, outcome jsonb) to archiver_agent;

grant execute on function archiver.agent_flush() to archiver_agent;

grant execute on function archiver.agent_heartbeat(epoch bigint, status jsonb, tasks jsonb) to archiver_agent;

grant execute on function archiver.agent_log(epoch bigint, task_id bigint, lines jsonb) to archiver_agent;

grant execute on function archiver.agent_report_stacks(epoch bigint, stacks jsonb) to archiver_agent;

grant execute on function archiver.agent_start(agent_version text, status jsonb, left_behind jsonb) to archiver_agent;

grant execute on function archiver.submit_job(archive_id integer, triggered_by text, is_dry_run boolean) to archiver_client;
