// The payload index: for each value of an indexed field, the slots that have it, in blocks.
//
// key    u32 collection, u8 length and UTF-8 of the field's name or its hash, value, u32 block
// value  sealed: the slots of the block as ascending u16, or as a bitmap once that is smaller
import { createHash } from 'node:crypto'
import { AnnulusError } from '@annulus/native'
import { type FieldSum, summed } from './field-sum.js'
import { type FilterValue, valuesIn } from './filter.js'
import { sealed, unseal } from './sealed.js'
import { SlotSet } from './slot-set.js'
import type { Table } from './table.js'

/** Slots of one block. */
export const blockSlots = 16_384
const blockWords = blockSlots / 32
const bitmapBytes = blockSlots / 8
const listSlotsMax = bitmapBytes / 4
const textBytesMax = 128

/** Slots to add to or to remove from the index, by the key of their block. */
export type SlotsByKey = Map<string, { readonly key: Buffer; readonly slots: number[] }>

/** Blocks as a commit will leave them. */
export interface PreparedBlocks {
  readonly blocks: readonly { readonly key: Buffer; readonly value: Buffer | undefined }[]
  /** Of the whole index; undefined where it was not kept before. */
  readonly sum: FieldSum | undefined
}

export class FieldIndex {
  /** What is in the index after the last commit; undefined in databases of before it was kept. */
  sum: FieldSum | undefined
  readonly fields: readonly string[]
  readonly #collection: number
  readonly #table: Table<Buffer>

  constructor(table: Table<Buffer>, collection: number, fields: readonly string[], sum?: FieldSum) {
    this.sum = sum
    this.#table = table
    this.#collection = collection
    this.fields = fields
  }

  /** Notes what the payload of a slot adds to or removes from the index. */
  collect(changes: SlotsByKey, slot: number, payload: object | undefined) {
    const block = Math.floor(slot / blockSlots)
    for (const field of this.fields) {
      for (const value of new Set(valuesIn(payload, field))) {
        const key = this.#key(field, value, block)
        const name = key.toString('latin1')
        const entry = changes.get(name)
        if (entry === undefined) changes.set(name, { key, slots: [slot] })
        else entry.slots.push(slot)
      }
    }
  }

  /** The blocks as they will be after these changes; read now, written inside the commit by `write`. */
  prepare(add: SlotsByKey, remove: SlotsByKey): PreparedBlocks {
    const names = new Set([...add.keys(), ...remove.keys()])
    let { sum } = this
    const blocks = Array.from(names, (name) => {
      const added = add.get(name)
      const removed = remove.get(name)
      const key = added?.key ?? removed?.key ?? Buffer.alloc(0)
      const before = this.#table.getBinary(key)
      const words = before === undefined ? new Uint32Array(blockWords) : wordsOf(before)
      // In this order: a slot whose point was removed may have got another.
      for (const slot of removed?.slots ?? []) setBit(words, slot % blockSlots, false)
      for (const slot of added?.slots ?? []) setBit(words, slot % blockSlots, true)
      const value = encodeBlock(words)
      sum = sum && summed(sum, key, before, value)
      return { key, value }
    })
    return { blocks, sum }
  }

  /** Puts prepared blocks; only inside a commit. */
  write({ blocks }: PreparedBlocks): void {
    for (const { key, value } of blocks) {
      if (value === undefined) this.#table.remove(key)
      else this.#table.put(key, value)
    }
  }

  /** Adds to `found` the slots of one block that have one of the values. */
  addMatches(found: SlotSet, field: string, values: Iterable<FilterValue>, block: number): void {
    for (const value of values) {
      const words = this.#read(this.#key(field, value, block))
      if (words !== undefined) found.addWords(block * blockWords, words)
    }
  }

  /** Whether a block, by its key, holds all these slots. */
  holds(key: Buffer, slots: readonly number[]): boolean {
    const words = this.#read(key)
    return slots.every((slot) => {
      const offset = slot % blockSlots
      return words !== undefined && ((words[offset >>> 5] ?? 0) & (1 << (offset & 31))) !== 0
    })
  }

  #read(key: Buffer): Uint32Array | undefined {
    const value = this.#table.getBinary(key)
    return value === undefined ? undefined : wordsOf(value)
  }

  #key(field: string, value: FilterValue, block: number): Buffer {
    const name = boundedText(field)
    const valueBytes = encodeValue(value)
    const key = Buffer.allocUnsafe(4 + 1 + name.length + valueBytes.length + 4)
    key.writeUInt32BE(this.#collection, 0)
    key[4] = name.length
    key.set(name, 5)
    key.set(valueBytes, 5 + name.length)
    key.writeUInt32BE(block, key.length - 4)
    return key
  }
}

/** Type, then number or text. */
function encodeValue(value: FilterValue): Buffer {
  if (value === null) return Buffer.of(0)
  if (typeof value === 'boolean') return Buffer.of(value ? 2 : 1)
  if (typeof value === 'number') {
    const bytes = Buffer.allocUnsafe(9)
    bytes[0] = 3
    bytes.writeDoubleBE(value === 0 ? 0 : value, 1)
    return bytes
  }
  const text = boundedText(value)
  return Buffer.concat([Buffer.of(text.length === textBytesMax + 1 ? 5 : 4), text])
}

/** Keys are short, so a long text is stood for by its beginning and its SHA-256, together 129 bytes. */
function boundedText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= textBytesMax) return bytes
  const hash = createHash('sha256').update(bytes).digest()
  return Buffer.concat([bytes.subarray(0, textBytesMax + 1 - hash.length), hash])
}

function setBit(words: Uint32Array, offset: number, on: boolean): void {
  const word = words[offset >>> 5] ?? 0
  const bit = 1 << (offset & 31)
  words[offset >>> 5] = on ? word | bit : word & ~bit
}

function encodeBlock(words: Uint32Array): Buffer | undefined {
  const slots = SlotSet.from(words)
  if (slots.size === 0) return undefined
  if (slots.size > listSlotsMax) return sealed(Buffer.from(words.buffer))
  return sealed(Buffer.from(Uint16Array.from(slots.slots()).buffer))
}

function wordsOf(value: Buffer): Uint32Array {
  return decodeBlock(unseal(value, 'a payload index block'))
}

function decodeBlock(block: Buffer): Uint32Array {
  const words = new Uint32Array(blockWords)
  if (block.length === bitmapBytes) {
    new Uint8Array(words.buffer).set(block)
    return words
  }
  if (block.length % 2 !== 0 || block.length > 2 * listSlotsMax) {
    throw new AnnulusError('ANNULUS_CORRUPT', 'a payload index block has an impossible length')
  }
  for (let position = 0; position < block.length; position += 2) {
    setBit(words, block.readUInt16LE(position) % blockSlots, true)
  }
  return words
}
