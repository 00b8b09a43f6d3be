// Which text of a refusal stands at which field.

/** `default_recipients.2` is about the field `default_recipients`; of several texts the first counts. */
export function errorsAt(fields: readonly string[], told: Record<string, string>): Record<string, string> {
  const errors: Record<string, string> = {}
  for (const [path, text] of Object.entries(told)) {
    const field = path.split('.')[0] ?? ''
    if (fields.includes(field)) errors[field] ??= `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  }
  return errors
}
