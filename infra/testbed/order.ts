// The order of test files: scenarios first, as they wait longest; then the one that installs everything anew, too long for
// the end; then those with a browser, which building images (and their networks) would disturb; those that need images last.
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const late = ['pages', 'main-story', 'compose-file'].map((name) => `infra/scenarios/${name}.test.ts`)

export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}

function place(file: TestSpecification): number {
  const inTheEnd = late.findIndex((path) => file.moduleId.endsWith(path))
  if (inTheEnd >= 0) return 2 + inTheEnd
  if (file.moduleId.endsWith('/start.test.ts')) return 0.5
  if (file.moduleId.includes('/journey-')) return 1.5
  return file.project.name === 'scenarios' ? 0 : 1
}
