// Lint, and with it the walls of the house: who may import whom, with the reason in the message.
import js from '@eslint/js'
import svelte from 'eslint-plugin-svelte'
import globals from 'globals'
import ts from 'typescript-eslint'

/** @param {{ regex: string, message: string, allowTypeImports?: boolean }[]} patterns
 * @returns {import('eslint').Linter.RulesRecord} */
const forbid = (...patterns) => ({
  '@typescript-eslint/no-restricted-imports': ['error', { patterns }],
})

const noFunctions = {
  regex: '^functions(/|$)|/functions/',
  message: 'Agent and functions meet only in Postgres, so that either can be replaced alone.',
}
const noAgent = {
  regex: '^agent(/|$)|/agent/',
  message: 'Agent and functions meet only in Postgres, so that either can be replaced alone.',
}
const noWeb = { regex: '^web(/|$)|/web/', message: 'web is what people see; nothing builds on it.' }
const noInfra = {
  regex: '(^|/)infra/',
  message: 'infra starts and tests the product; the product knows nothing of it.',
}
const noDockerode = { regex: '^dockerode$', allowTypeImports: true, message: 'Only agent/docker talks to Docker.' }
const noEngine = { regex: '^(tar|zstd-napi|ignore|koffi)$', message: 'Only agent/archive reads and writes archives.' }
const noMailer = { regex: '^nodemailer$', message: 'Only functions/mail sends mail.' }

export default ts.config(
  { ignores: ['**/node_modules', 'web/build', 'web/.svelte-kit', 'data', 'demo'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: globals.node },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'smart'],
      'no-console': 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] },
    },
    rules: {
      // plain paths: the pages lie at the root of their own server
      'svelte/no-navigation-without-resolve': 'off',
      // {' '} keeps the space that prettier would otherwise move
      'svelte/no-useless-mustaches': 'off',
      // a named snippet says what a component is given, even when it is its only child
      'svelte/no-useless-children-snippet': 'off',
      // it also reports values that live no longer than the call that made them
      'svelte/prefer-svelte-reactivity': 'off',
      // svelte-check gives the warnings that these comments answer
      'svelte/no-unused-svelte-ignore': 'off',
    },
  },
  { files: ['web/**'], languageOptions: { globals: globals.browser } },
  { files: ['infra/**', 'agent/main.ts', 'functions/main.ts'], rules: { 'no-console': 'off' } },
  // what an HTTP answer holds is what the test is about to find out
  { files: ['**/*.test.ts', 'functions/testing/**'], rules: { '@typescript-eslint/no-explicit-any': 'off' } },
  {
    files: ['db/**/*.ts'],
    rules: forbid(noFunctions, noAgent, noWeb, noInfra, noDockerode, noEngine, noMailer),
  },
  {
    files: ['db/domain/**/*.ts'],
    rules: forbid(
      { regex: '^\\.\\./(?!domain/)', message: 'The domain is pure and knows nothing else of ours.' },
      { regex: '^node:', message: 'The domain also runs in the browser.' },
      { regex: '^(postgres|pg|graphile-worker)$', message: 'The domain does no I/O.' },
    ),
  },
  {
    files: ['functions/**/*.ts'],
    ignores: ['functions/mail/**'],
    rules: forbid(noAgent, noWeb, noInfra, noDockerode, noEngine, noMailer),
  },
  { files: ['functions/mail/**/*.ts'], rules: forbid(noAgent, noWeb, noInfra, noDockerode, noEngine) },
  {
    files: ['agent/**/*.ts'],
    ignores: ['agent/docker/**', 'agent/archive/**'],
    rules: forbid(noFunctions, noWeb, noInfra, noDockerode, noEngine, noMailer),
  },
  { files: ['agent/docker/**/*.ts'], rules: forbid(noFunctions, noWeb, noInfra, noEngine, noMailer) },
  { files: ['agent/archive/**/*.ts'], rules: forbid(noFunctions, noWeb, noInfra, noDockerode, noMailer) },
  {
    files: ['web/**/*.ts', 'web/**/*.svelte'],
    rules: forbid(
      noAgent,
      noInfra,
      { regex: '^db/(?!domain/)', allowTypeImports: true, message: 'The browser knows only the words of db/domain.' },
      {
        regex: '^functions(/|$)',
        allowTypeImports: true,
        message: 'The browser knows only the type of functions/api.',
      },
    ),
  },
)
