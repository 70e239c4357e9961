// The lines of a text file, none of them longer than memory should hold.
import { AnnulusError } from '@annulus/native'
import { chunksOf } from './chunks.js'

/** Far beyond the largest vector and the largest payload written as JSON. */
export const lineBytesMax = 16 << 20

const newline = 0x0a

/**
 * Lines of a UTF-8 file without their ends (LF or CR LF).
 *
 * @throws AnnulusError `ANNULUS_CORRUPT` naming the first line of more than `bytesMax`.
 */
export async function* readLines(path: string, bytesMax = lineBytesMax): AsyncGenerator<string> {
  let pieces: Buffer[] = []
  let pending = 0
  let line = 1
  const add = (piece: Buffer) => {
    pending += piece.length
    if (pending > bytesMax) {
      throw new AnnulusError('ANNULUS_CORRUPT', `${path}, line ${line}: beyond ${bytesMax} bytes`, {
        details: { path, line, limit: bytesMax },
      })
    }
    pieces.push(piece)
  }
  const take = () => {
    const text = Buffer.concat(pieces).toString('utf8')
    pieces = []
    pending = 0
    line++
    return text.endsWith('\r') ? text.slice(0, -1) : text
  }
  for await (const chunk of chunksOf(path, 1 << 18)) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      add(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    if (start < chunk.length) add(chunk.subarray(start))
  }
  if (pending > 0) yield take()
}
