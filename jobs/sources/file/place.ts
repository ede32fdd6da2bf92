/** Where files are, on disk or in a bucket. Types only. */

export interface SourceFile {
  /** relative to the folder of the pattern, with `/` */
  name: string
  /** absolute, or a URL */
  path: string
  /** of an object, which cannot grow: another one of its name has another */
  etag?: string | undefined
  open(): Promise<RandomAccess>
  /** Writes all of it to a new file; undefined: it is on disk */
  copy?(to: string): Promise<void>
}

/** As a FileHandle has it. */
export interface RandomAccess {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  stat(): Promise<{ size: number }>
  close(): Promise<void>
}

export interface Listed extends SourceFile {
  size: number
  /** when it was last changed in any way, renamed included (ctime), and made (birth time); microseconds UTC */
  changed: number
  born: number
}

export interface FilePlace {
  /** The files of the pattern as they are now, by name. */
  list(signal: AbortSignal): Promise<Listed[]>
  /** One of them, as it is now; undefined: it is gone. */
  look(name: string): Promise<Listed | undefined>
  /** what SQL may read */
  allow: readonly string[]
  /** the system may tell of changes in this folder */
  watched?: string
  /** A file may come to light so long after the time that it has, microseconds. */
  lateness: number
}
