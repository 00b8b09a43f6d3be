// Rows as the API sends them, under their columns' names.
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
/** What the editor sends; the rest takes its default. */
export type ArchiveBody = Required<
  Pick<
    InferRequestType<Api['archives']['$post']>['json'],
    'name' | 'stack_ids' | 'mode' | 'include_volumes' | 'level' | 'max_downtime' | 'time_zone'
  >
>
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
