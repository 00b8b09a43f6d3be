import { expect, test } from 'vitest'
import { containersOf } from '../testbed/docker.ts'
import { makeHouse } from '../testbed/house.ts'
import { composeUp, makeStack } from '../testbed/stack.ts'

test('a stack is archived and back up', async () => {
  await using stack = await makeStack({
    name: 'shop',
    composeYaml: `
services:
  web:
    image: archiver-test/busybox
    command: ["sleep", "1000000"]
    depends_on: [db]
    stop_grace_period: 1s
  db:
    image: archiver-test/busybox
    command: ["sleep", "1000000"]
    stop_grace_period: 1s
    volumes: ["data:/data"]
volumes:
  data: {}
`,
  })
  await composeUp(stack.folder)
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  try {
    const id = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
    const { job, stack: row, log } = await house.ended(await house.run(id))
    console.log(log, job, row, agent.logs())
    console.log(await containersOf('shop'))
  } catch (e) { console.log(agent.logs()); throw e }
})
