// A file piece by piece.
import { createReadStream } from 'node:fs'
import { fileError } from '@annulus/storage'

/** The bytes of a file, at most `bytes` at a time. */
export async function* chunksOf(path: string, bytes: number): AsyncGenerator<Buffer> {
  const stream: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: bytes })
  try {
    yield* stream
  } catch (cause) {
    throw fileError(cause, 'read', path)
  }
}
