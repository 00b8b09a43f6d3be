// Setup and sign-in.

export const setup = {
  page: 'Set up',
  title: 'Welcome to Docker Archiver',
  intro: 'Create the first account. It may do everything: run archives, change them, and manage hosts.',
  username: 'User name',
  email: 'E-mail address',
  password: 'Password',
  passwordHint: (least: number) => `At least ${least} characters.`,
  repeat: 'Password again',
  submit: 'Create account',
  done: 'Docker Archiver is set up already.',
  toLogin: 'Sign in',
  errors: {
    username: 'Give a user name of 3 to 30 characters: letters, digits, dot, dash or underscore.',
    email: 'Give an e-mail address, such as you@example.org.',
    password: (least: number) => `Give a password of at least ${least} characters.`,
    repeat: 'The two passwords differ.',
  },
}

export const login = {
  page: 'Sign in',
  title: 'Sign in',
  username: 'User name',
  password: 'Password',
  submit: 'Sign in',
  refused: 'User name or password is wrong.',
  wait: (time: string) => `Too many wrong passwords. Try again in ${time}.`,
  waitOver: 'You can try again now.',
  missing: { username: 'Enter your user name.', password: 'Enter your password.' },
}
