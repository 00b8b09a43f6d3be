// The present, ticking once a second while something on the page shows it.
import { createSubscriber } from 'svelte/reactivity'

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1000)
  return () => clearInterval(timer)
})

export const clock = {
  get now(): Date {
    subscribe()
    return new Date()
  },
}
