// What may stand in an address where a page expects a number.
import { defineParams } from '@sveltejs/kit/params'

export const params = defineParams({
  number: (param) => (/^[1-9]\d{0,14}$/.test(param) ? Number(param) : undefined),
})
