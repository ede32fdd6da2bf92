/** A bucket as the rooms of this part use it. Types only; `openBucket` gives one. Failures are PipelineErrors. */
export interface Bucket {
  readonly name: string
  /** `s3://BUCKET/KEY` */
  url(key: string): string
  head(key: string): Promise<S3Object | undefined>
  /** A small object, whole; undefined where there is none. */
  read(key: string): Promise<Buffer | undefined>
  /**
   * The bytes [from, to) of the object that has this `etag`. A connection that breaks is taken up again where it
   * broke. Throws `ChangedError` where the object is another one by now, or gone.
   */
  range(key: string, range: { from: number; to: number; etag: string }): Promise<Buffer>
  /** Writes an object, at once. False, and nothing is written, where `only` is not so. */
  write(key: string, body: Uint8Array, only?: WriteCondition): Promise<boolean>
  /** Writes a file, in parts where it is large: a few are in memory. Nothing is left of one that fails. */
  upload(key: string, path: string): Promise<void>
  /** Writes an object to a new file, in parts. Throws `ChangedError`. */
  download(object: Pick<S3Object, 'key' | 'bytes' | 'etag'>, path: string): Promise<void>
  /** On the server; up to 5 GiB. False where there is no such object. */
  copy(from: string, to: string): Promise<boolean>
  /** Objects that are not there are fine. */
  remove(keys: Iterable<string> | AsyncIterable<string>): Promise<void>
  /** Objects whose keys begin with `prefix`, in the order of their keys (of their UTF-8 bytes), a page at a time. */
  list(prefix: string, options?: { after?: string; signal?: AbortSignal }): AsyncGenerator<S3Object>
  /** What stands directly below a folder (`a/b/`, or nothing for all): names of objects, and of folders with their `/`. */
  names(folder: string): Promise<string[]>
  /** Uploads in parts that were begun and not ended, by anyone. */
  unfinished(prefix: string): Promise<Unfinished[]>
  /** Ends such an upload, and frees its parts; one that is not there is fine. */
  abandon(upload: Unfinished): Promise<void>
}

export interface S3Object {
  key: string
  bytes: number
  /** with its quotes, as the server gives it */
  etag: string
  /** ms since 1970; servers may know it only to the second */
  modified: number
}

/** `absent`: there is no object of this key. `etag`: there is, and it has this one. */
export type WriteCondition = { absent: true } | { etag: string }

export interface Unfinished {
  key: string
  id: string
}
