import { expect, test } from 'vitest'
import { includedBy } from './compose-files.ts'

test('included and extended files are found in each way of writing them', () => {
  expect(
    includedBy(`
include: ["../one.yaml", two.yml]
services:
  app:
    image: not-this.yaml:3
    extends: { file: common.yml, service: base }
    extends:
      file: "../more/common.yaml" # why
`),
  ).toEqual(['../one.yaml', 'two.yml', 'common.yml', '../more/common.yaml'])
  expect(
    includedBy(`
include:
- three.yaml
  # - not-this.yaml
  - path: ./four.yml
    project_directory: ..
  - oci://example.org/five.yaml
  - \${DIR}/six.yaml
secrets:
  key: { file: key.pem }
`),
  ).toEqual(['three.yaml', './four.yml'])
})
