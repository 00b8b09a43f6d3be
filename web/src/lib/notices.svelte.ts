// One line that says what was just done. Shown by the layout, read out by screen readers.
class Notices {
  text = $state('')
  #timer: ReturnType<typeof setTimeout> | undefined

  say(text: string): void {
    this.text = text
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => (this.text = ''), 8000)
  }
}

export const notices = new Notices()
