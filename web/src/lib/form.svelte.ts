// What every form does when it is sent: wait, show at each field what the server says is wrong with it, and go to the first.
import { tick } from 'svelte'
import { errorsAt } from './form-errors.ts'
import { asProblem } from './problem.ts'

export class Form {
  /** Texts by the field they are about. */
  errors = $state.raw<Record<string, string>>({})
  /** What is wrong, and with no field of this form. */
  problem = $state('')
  busy = $state(false)
  #fields: readonly string[]

  /** `fields`: those that can show what is wrong with them. */
  constructor(fields: readonly string[] = []) {
    this.#fields = fields
  }

  /** Does the work unless `found` says what is wrong before. Resolves with whether it was done; what was typed stays. */
  async send(event: SubmitEvent, work: () => Promise<void>, found: Record<string, string> = {}): Promise<boolean> {
    event.preventDefault()
    if (this.busy) return false
    const form = event.currentTarget as HTMLFormElement
    this.problem = ''
    this.errors = found
    if (Object.keys(found).length > 0) {
      await this.#goToFirst(form)
      return false
    }
    this.busy = true
    try {
      await work()
      return true
    } catch (thrown) {
      const { message, fields } = asProblem(thrown)
      this.errors = errorsAt(this.#fields, fields)
      if (Object.keys(this.errors).length === 0) this.problem = message
      return false
    } finally {
      this.busy = false
      await this.#goToFirst(form)
    }
  }

  async #goToFirst(form: HTMLFormElement): Promise<void> {
    await tick()
    form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }
}
