import { BaseStorage, checkOpenOptions, type StorageFactory, slotsToKeep } from '@annulus/storage'

class MapStorage extends BaseStorage {
  #vectors = new Map<number, Float32Array>()
  protected async _write(slots: Uint32Array, vectors: Float32Array) {
    for (const [i, slot] of slots.entries()) {
      this.#vectors.set(slot, vectors.slice(i * this.dimension, (i + 1) * this.dimension))
    }
  }
  protected async _read(slots: Uint32Array) {
    return Float32Array.from([...slots].flatMap((slot) => [...(this.#vectors.get(slot) ?? [])]))
  }
  protected async _flush() {}
  protected async _close() {}
}

export const mapStorage = (): StorageFactory => ({
  name: 'map',
  async open(options) {
    checkOpenOptions(options)
    const slots = slotsToKeep(options, 0)
    return new MapStorage({ backend: 'map', dimension: options.dimension, slots })
  },
})
