// The order of test files: scenarios first, as they wait longest; those that need images, or install everything anew, last.
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const last = ['infra/scenarios/start.test.ts', 'infra/scenarios/compose-file.test.ts']

export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}

function place(file: TestSpecification): number {
  const fromTheEnd = last.findIndex((path) => file.moduleId.endsWith(path))
  if (fromTheEnd >= 0) return 2 + fromTheEnd
  return file.project.name === 'scenarios' ? 0 : 1
}
