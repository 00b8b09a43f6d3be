// What the main thread of the archive process asks of the threads that read, compress and write frames, and their answers.
import type { Frame } from './index-file.ts'
import type { TarFormat } from './protocol.ts'
import type { Extent } from './system-calls.ts'
import type { UnpackAnswer, UnpackChunkJob, UnpackJob, UnpackTo } from './unpack-jobs.ts'

/** How an entry was when it was looked at. Names and targets are bytes as latin1. */
export interface Seen {
  /** The 12 permission bits. */
  mode: number
  uid: number
  gid: number
  mtimeNs: bigint
  ctimeNs: bigint
  dev: bigint
  ino: bigint
  size: number
  rdev: bigint
}

/** A file system object; `root` leads to its source's open folder, `below` from there to it, empty for the root itself. */
interface Placed extends Seen {
  name: string
  root: string
  below: string
}

export type Entry =
  | (Placed & { kind: 'file' })
  | (Placed & { kind: 'directory' | 'fifo' | 'characterDevice' | 'blockDevice' })
  | (Placed & { kind: 'symlink'; target: string })
  /** One more name of the entry before it that is no hard link. */
  | (Placed & { kind: 'hardLink'; first: string; of: 'file' | 'other' })
  | { kind: 'made'; name: string; mode: number; mtimeNs: bigint; content: Buffer }

export type FileEntry = Extract<Entry, { kind: 'file' }>

/** How frames are made, and of which backup. */
export interface FrameTarget {
  format: TarFormat
  level: number
  /** For telling. */
  path: string
  /** For frames that are read back, not made. */
  takes?: { unpackTo: UnpackTo | null }
}

/** Whole entries in one frame. */
export interface GroupJob {
  type: 'group'
  entries: Entry[]
  /** Ends the tar. */
  last: boolean
}

/** Bytes that are there already, as one frame. */
export interface BytesJob {
  type: 'bytes'
  bytes: Uint8Array
}

/** A part of a large file, as one frame: these extents of it, then `zeros`. */
export interface ChunkJob {
  type: 'chunk'
  /** Open until the job is made. */
  fd: number
  extents: Extent[]
  zeros: number
  /** Of prints. */
  key: string
  /** A frame that held this part before. If it still does, it is not made anew. */
  before: Frame | null
}

/** Tar that was put aside, as one frame. */
export interface SpooledJob {
  type: 'spooled'
  fd: number
  offset: number
  length: number
}

/** Reads a frame back; made of nothing but its answer. */
export interface CheckJob {
  type: 'check'
  fd: number
  frame: Frame
  /** Whole entries are in it, and the end of the tar if `last`. */
  whole: boolean
  last: boolean
}

export type MakeJob = GroupJob | BytesJob | ChunkJob | SpooledJob

export type TakeJob = CheckJob | UnpackJob | UnpackChunkJob

export type Job = MakeJob | TakeJob

export type ToWorker =
  /** Comes first. */
  | { type: 'target'; target: FrameTarget }
  /** The target may go. */
  | { type: 'leave' }
  | { type: 'end' }
  | { type: 'begin'; id: number; job: Job }
  /** Makes tar, which is to be made a frame later. */
  | { type: 'putAside'; id: number; job: MakeJob }
  /** Writes what the job made at this place of the open file `to`. */
  | { type: 'write'; id: number; to: number; offset: number }
  /** What the job made is not wanted. */
  | { type: 'drop'; id: number }

/** What became of single entries of a job; `at` is the entry's place in it. */
export type Fault =
  | { at: number; what: 'notRead'; code: string; message: string }
  | { at: number; what: 'notReadWholly'; read: number; size: number; code: string; message: string }
  | { at: number; what: 'replaced' }
  | { at: number; what: 'changed'; text: string }

export interface Made {
  /** Bytes of the frame; 0 when the frame before still holds. */
  length: number
  raw: number
  /** Empty for tar that was put aside. */
  hash: string
  /** Of a part of a large file. */
  print?: string
  /** Places of entries that are not in the frame. */
  left: number[]
  faults: Fault[]
  /** What entries were when they were read, where it differs from what they had been. */
  seen: { at: number; seen: Seen }[]
  /** Places of files that may change, or have changed, without being seen to. */
  reread: number[]
  /** Places of hard links that stand in for a first name that was gone. */
  promoted: { at: number; entry: Entry }[]
  /** Bytes of content read from sources. */
  bytesRead: number
}

export function nothingMade(): Made {
  return { length: 0, raw: 0, hash: '', left: [], faults: [], seen: [], reread: [], promoted: [], bytesRead: 0 }
}

export interface Checked {
  entries: number
  /** As of an EngineError. */
  failure: { code: string; message: string } | null
}

export type Taken = { type: 'checked'; checked: Checked } | { type: 'unpacked'; answer: UnpackAnswer }

export type FromWorker =
  | (Taken & { id: number })
  | { type: 'made'; id: number; made: Made }
  | { type: 'written'; id: number }
  /** Ends the archive. */
  | { type: 'failed'; id: number; code: string; message: string }
