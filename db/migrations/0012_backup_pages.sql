-- What was done to one backup, among everything that tasks did.

create index on archiver.tasks using gin ((outcome -> 'backups') jsonb_path_ops)
where kind in ('delete_backups', 'trash_backups', 'untrash_backups', 'verify_backups', 'clean_up');
