// Made-up bytes behind right checksums: what core reads from files gives a value or an AnnulusError.
// ANNULUS_FUZZ_RUNS sets how many are tried of each kind.
import { crc32c } from '@annulus/native'
import { type FileOps, nodeFileOps } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnnulusError } from '../src/index.js'
import { decodePayload, encodePayload } from '../src/payloads.js'
import { decodeRecord, encodeRecord, recordBytes } from '../src/records.js'
import { sealed } from '../src/sealed.js'
import { captureSlots, loadSlots } from '../src/slot-snapshot.js'
import { SlotTable } from '../src/slot-table.js'

const numRuns = Number(process.env['ANNULUS_FUZZ_RUNS'] ?? 200)

/** What `read` gives; undefined for a typed error; anything else is thrown. */
async function attempt<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof AnnulusError) return undefined
    throw error
  }
}

const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })

function edited(bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes)
  for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value
  return copy
}

/** Files of which each is these bytes. */
function filesOf(bytes: Buffer): FileOps {
  const file = {
    read: async (into: Uint8Array, position: number) =>
      bytes.copy(into, 0, position, position + into.length),
    size: async () => bytes.length,
    close: async () => {},
  }
  return { ...nodeFileOps, open: async () => file as never }
}

const key = { collection: 3, sequence: 9 }

function snapshotOf(slots: number): Buffer {
  const table = new SlotTable(slots)
  for (let slot = 0; slot < slots; slot += 2) table.add(slot, `id ${slot}`)
  return Buffer.concat([...captureSlots(table, key)()])
}

/** Makes the checksum right that covers the bytes from `from` to the last four before `end`. */
function resealed(bytes: Buffer, from: number, end: number): Buffer {
  if (end - 4 >= from && end <= bytes.length) {
    bytes.writeUInt32LE(crc32c(bytes.subarray(from, end - 4)), end - 4)
  }
  return bytes
}

describe('parsers of core', () => {
  it('read records of any content, or refuse them', () => {
    const record = Buffer.alloc(recordBytes('id', encodePayload({ a: 1 })))
    encodeRecord('id', encodePayload({ a: 1 }), record)
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      edits.map((changes) => edited(record.subarray(4), changes)),
    )
    return fc.assert(
      fc.asyncProperty(content, async (bytes) => {
        const { payload } = (await attempt(() => decodeRecord(sealed(bytes), 1))) ?? {}
        if (payload !== undefined) await attempt(() => decodePayload(payload))
      }),
      { numRuns },
    )
  })

  it('read payloads of any bytes, or refuse them', () => {
    const valid = encodePayload({ a: [1, 'two', { b: null }], long: 'x'.repeat(40) })
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      edits.map((changes) => edited(valid, changes)),
      // Lengths far beyond the bytes: arrays, maps and strings of 2^32 - 1.
      fc
        .tuple(fc.constantFrom(0xdd, 0xdf, 0xdb, 0xc6, 0xc9), fc.uint8Array({ maxLength: 9 }))
        .map(([type, rest]) => Uint8Array.of(type, 255, 255, 255, 255, ...rest)),
    )
    return fc.assert(
      fc.asyncProperty(bytes, async (each) => void (await attempt(() => decodePayload(each)))),
      { numRuns },
    )
  })

  it('read slot tables of any content, or refuse them', () => {
    const slots = fc.nat(200)
    const at = { header: [0, 40], bitmap: [40, Number.MAX_SAFE_INTEGER] } as const
    return fc.assert(
      fc.asyncProperty(slots, edits, fc.constantFrom('header', 'bitmap'), async (n, e, part) => {
        const valid = snapshotOf(n)
        const [from, to] = at[part]
        const end = Math.min(to, valid.length)
        edited(valid.subarray(from, end - 4), e).copy(valid, from)
        const table = await attempt(() => loadSlots('x', key, filesOf(resealed(valid, from, end))))
        if (table === undefined) return
        for (const slot of table.live.slots()) expect(slot).toBeLessThan(table.slots)
      }),
      { numRuns },
    )
  })

  it('read a slot table as it was written', async () => {
    const table = await loadSlots('x', key, filesOf(snapshotOf(77)))
    expect([table.slots, table.live.size]).toEqual([77, 39])
  })

  it('would be caught with an untyped error', async () => {
    await expect(attempt(() => Buffer.alloc(1).readUInt32LE(0))).rejects.toThrow(RangeError)
  })
})
