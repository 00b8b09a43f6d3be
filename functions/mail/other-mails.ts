// Mails that are about no job.
import type { Contents } from './job-mail.ts'

export function testMail(origin: string): Contents {
  return {
    subject: 'Test notification',
    blocks: [
      { is: 'paragraph', text: 'This is a test. Docker Archiver can send you mail.' },
      { is: 'link', text: 'Open Docker Archiver', href: origin },
    ],
  }
}

export interface LinkDetails {
  stack_name: string
  file_name: string
  expires: string
  url: string
}

export function linkMail({ stack_name, file_name, expires, url }: LinkDetails): Contents {
  return {
    subject: `Backup of ${stack_name} for download`,
    blocks: [
      { is: 'paragraph', text: `A backup of ${stack_name} is there for you to download: ${file_name}` },
      { is: 'link', text: 'Download', href: url },
      { is: 'paragraph', text: `The link works until ${expires}, for everybody who has it: pass it on with care.` },
    ],
  }
}
