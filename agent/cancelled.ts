/** Why a task's signal aborts when a person gave its job up; an abort for any other reason is a failure. */
export class JobCancelled extends Error {
  override name = 'JobCancelled'
  constructor() {
    super('the job was cancelled')
  }
}
