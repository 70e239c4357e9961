// NumPy .npy: version 1 to 3, C order, two dimensions, little-endian float32, float64 or uint8.
import { limits } from '@annulus/core'
import { AnnulusError } from '@annulus/native'
import { chunksOf } from './chunks.js'
import type { ImportedRow } from './rows.js'

interface Component {
  readonly bytes: number
  readonly read: (view: DataView, at: number) => number
}

const components: ReadonlyMap<string, Component> = new Map([
  ['<f4', { bytes: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) }],
  ['<f8', { bytes: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) }],
  ['|u1', { bytes: 1, read: (view: DataView, at: number) => view.getUint8(at) }],
])

interface NpyHeader {
  readonly component: Component
  readonly rows: number
  readonly dimension: number
  readonly dataStart: number
}

/** Reads the rows of a two-dimensional .npy array in order. */
export async function* readNpy(path: string): AsyncGenerator<ImportedRow> {
  let header: NpyHeader | undefined
  let pending: Buffer = Buffer.alloc(0)
  let row = 0
  for await (const chunk of chunksOf(path, 1 << 20)) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    if (header === undefined) {
      header = parseHeader(pending, path)
      if (header === undefined) continue
      pending = pending.subarray(header.dataStart)
    }
    const { component } = header
    const rowBytes = header.dimension * component.bytes
    let at = 0
    for (; at + rowBytes <= pending.length && row < header.rows; at += rowBytes, row++) {
      const view = new DataView(pending.buffer, pending.byteOffset + at, rowBytes)
      yield {
        vector: Float32Array.from({ length: header.dimension }, (_, i) =>
          component.read(view, i * component.bytes),
        ),
      }
    }
    pending = pending.subarray(at)
  }
  if (header === undefined || row < header.rows) {
    throw new AnnulusError('ANNULUS_CORRUPT', `${path} ends after row ${row}`, {
      details: { path, row },
    })
  }
}

/** The header once `bytes` holds all of it; undefined while more is needed. */
function parseHeader(bytes: Buffer, path: string): NpyHeader | undefined {
  if (bytes.length < 12) return undefined
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw refused(path, 'it is not a .npy file')
  const long = bytes.readUInt8(6) > 1
  const headerBytes = long ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8)
  const start = long ? 12 : 10
  if (headerBytes > 1 << 16) throw refused(path, 'its header is too long')
  if (bytes.length < start + headerBytes) return undefined
  const text = bytes.toString('latin1', start, start + headerBytes)
  const descr = /'descr':\s*'([^']+)'/.exec(text)?.[1]
  const shape = /'shape':\s*\((\d+),\s*(\d+),?\s*\)/.exec(text)
  if (descr === undefined || shape === null)
    throw refused(path, 'it is not a two-dimensional array')
  if (/'fortran_order':\s*True/.test(text))
    throw refused(path, 'it is in Fortran order; save it with numpy.ascontiguousarray')
  const component = components.get(descr)
  if (component === undefined) {
    const known = [...components.keys()].join(', ')
    throw refused(path, `its data type ${descr} is not one of ${known}`)
  }
  const dimension = Number(shape[2])
  if (dimension < 1 || dimension > limits.dimensionMax) {
    throw refused(path, `its rows have ${dimension} components, not 1 to ${limits.dimensionMax}`)
  }
  return {
    component,
    rows: Number(shape[1]),
    dimension,
    dataStart: start + headerBytes,
  }
}

function refused(path: string, why: string): AnnulusError {
  return new AnnulusError('ANNULUS_UNSUPPORTED', `${path} cannot be imported: ${why}`, {
    details: { path },
  })
}
