// Rows as the API sends them, under their columns' names.
import type { BackupState } from 'db/domain/backup'
import type { InferRequestType, InferResponseType } from 'hono/client'
import type { client } from './client.ts'

type Api = (typeof client)['api']

export type Me = InferResponseType<Api['me']['$get'], 200>
export type Role = Me['user']['role']
export type Host = InferResponseType<Api['hosts']['$get'], 200>['hosts'][number]
export type Stack = InferResponseType<Api['stacks']['$get'], 200>['stacks'][number]
/** A stack, and what archive jobs made of it lately. */
export type StackDetail = InferResponseType<Api['stacks'][':id']['$get'], 200>
export type StackRun = StackDetail['runs'][number]
export type Archive = InferResponseType<Api['archives']['$get'], 200>['archives'][number]
export type ArchiveBody = InferRequestType<Api['archives']['$post']>['json']
export type DryRun = InferRequestType<Api['archives'][':id']['dry-run']['$post']>['json']
export type RetentionPreview = InferResponseType<Api['archives'][':id']['retention']['preview']['$post'], 200>
export type Job = InferResponseType<Api['jobs']['$get'], 200>['jobs'][number]
export type JobStack = JobDetail['metrics'][number]
export type JobDetail = InferResponseType<Api['jobs'][':id']['$get'], 200>
export type TouchedBackup = JobDetail['backups'][number]
export type LogLine = InferResponseType<Api['jobs'][':id']['log']['tail']['$get'], 200>['lines'][number]
export type Backup = InferResponseType<Api['backups']['$get'], 200>['backups'][number]
export type Dashboard = InferResponseType<Api['dashboard']['$get'], 200>
/** Jobs by how they ended. */
export type Results = Dashboard['last_24_hours']
export type DayResults = Dashboard['calendar'][number]
export type StorageOverTime = InferResponseType<Api['dashboard']['storage']['$get'], 200>
export interface BackupFilter {
  [name: string]: string | number | boolean | undefined
  stack_id?: number | undefined
  archive_id?: number | undefined
  job_id?: number | undefined
  host_id?: number | undefined
  state?: BackupState | undefined
  trashed?: boolean | undefined
  pinned?: boolean | undefined
  search?: string | undefined
}
export type BackupFacts = InferResponseType<Api['backups'][':id']['facts']['$get'], 200>['facts']
export type Download = InferResponseType<Api['downloads']['$get'], 200>['downloads'][number]
export type NewDownload = InferResponseType<Api['downloads']['request']['$post'], 201>
export type Settings = InferResponseType<Api['settings']['$get'], 200>['settings']
export interface SettingsChanges {
  general: InferRequestType<Api['settings']['general']['$patch']>['json']
  notifications: InferRequestType<Api['settings']['notifications']['$patch']>['json']
  security: InferRequestType<Api['settings']['security']['$patch']>['json']
  cleanup: InferRequestType<Api['settings']['cleanup']['$patch']>['json']
}
export type Mail = InferResponseType<Api['settings']['mails']['$get'], 200>['mails'][number]
export type AuditEntry = InferResponseType<Api['audit']['$get'], 200>['entries'][number]
export type User = InferResponseType<Api['users']['$get'], 200>['users'][number]
export type NewUser = InferRequestType<Api['users']['$post']>['json']
export type UserChanges = InferRequestType<Api['users'][':id']['$patch']>['json']
export type Session = InferResponseType<Api['me']['sessions']['$get'], 200>['sessions'][number]
export type Token = InferResponseType<Api['tokens']['$get'], 200>['tokens'][number]
export type CleanupState = InferResponseType<Api['cleanup']['$get'], 200>['cleanup']
