// The order of test files: those that need images, or install everything anew, come last.
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const last = ['infra/scenarios/start.test.ts', 'infra/scenarios/compose-file.test.ts']

export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = (file: TestSpecification) => last.findIndex((path) => file.moduleId.endsWith(path))
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}
