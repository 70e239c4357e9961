import { AnnulusError } from '@annulus/native'
import { memoryStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { directory, failure, openHere, vectors, wrapped } from './world.js'

const dimension = 8
const points = (count: number) => vectors(count, dimension).map((vector, id) => ({ id, vector }))

describe('events', () => {
  it('tell how indexing goes on, to the collection and to the database', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection('c', { dimension, codesFrom: 100, graphFrom: 100 })
    const phases: string[] = []
    const names = new Set<string>()
    let indexed = 0
    collection.on('indexing', ({ phase, done, total }) => {
      expect(done).toBeLessThanOrEqual(total)
      if (phases.at(-1) !== phase) phases.push(phase)
    })
    collection.on('indexed', (index) => {
      indexed = index.points
    })
    db.on('indexing', (_, name) => names.add(name))
    await collection.upsert(points(300))
    await collection.waitForIndex()
    expect(phases).toEqual(['training', 'encoding', 'linking'])
    expect(indexed).toBe(300)
    expect([...names]).toEqual(['c'])
  })

  it('tell that codes outgrown while they were trained are trained again before anything is linked', async () => {
    let trained = () => {}
    const gate = new Promise<void>((resolve) => {
      trained = resolve
    })
    let holding = false
    const storage = wrapped(memoryStorage(), (inner) => ({
      read: async (slots, options) => {
        if (holding) await gate
        return inner.read(slots, options)
      },
    }))
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', { dimension, codesFrom: 100, graphFrom: 200 })
    const phases: string[] = []
    const second = new Promise<void>((resolve) => {
      collection.on('indexing', ({ phase, done, total }) => {
        if (phase === 'training' && done === 0) phases.push(`training ${total}`)
        if (phase === 'linking' && phases.at(-1) !== phase) phases.push(phase)
        if (phases.at(-1) !== 'training 200') return
        holding = true
        resolve()
      })
    })
    const all = points(400)
    await collection.upsert(all.slice(0, 100))
    await collection.waitForIndex()
    await collection.upsert(all.slice(100, 200))
    await second
    await collection.upsert(all.slice(200))
    trained()
    await collection.waitForIndex()
    expect(phases).toEqual(['training 100', 'training 200', 'training 400', 'linking'])
  })

  it('name the storage that serves instead of the one asked for, after the caller could listen', async () => {
    const storage = wrapped(memoryStorage(), (inner) => ({
      stats: () => ({ ...inner.stats(), backend: 'mmap', fallback: 'io_uring is disabled' }),
    }))
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', { dimension })
    const fallback = new Promise((resolve) => collection.once('storageFallback', resolve))
    expect(await fallback).toEqual({ backend: 'mmap', reason: 'io_uring is disabled' })
    expect(collection.stats().storage.fallback).toBe('io_uring is disabled')
  })

  it('report slow searches with their diagnostics', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection('c', { dimension, slowSearchMs: 0 })
    await collection.upsert(points(10))
    const slow: unknown[] = []
    collection.on('slowSearch', (diagnostics) => slow.push(diagnostics))
    await collection.search(vectors(1, dimension)[0] ?? [])
    expect(slow).toEqual([expect.objectContaining({ strategy: 'exact', matching: 10, reads: 10 })])
    expect(collection.stats().searches).toMatchObject({ count: 1, slow: 1, reads: 10, inFlight: 0 })
  })

  it('report failures of background work, which is tried again after the next write', async () => {
    let broken = true
    const storage = wrapped(memoryStorage(), (inner) => ({
      read: (slots, options) =>
        broken
          ? Promise.reject(new AnnulusError('ANNULUS_IO', 'unreadable'))
          : inner.read(slots, options),
    }))
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', {
      dimension,
      codesFrom: 50,
      graphFrom: 50,
      backlogMax: 60,
    })
    const errors: string[] = []
    collection.on('backgroundError', ({ code }) => errors.push(code))
    await collection.upsert(points(100))
    expect(await failure(collection.waitForIndex())).toBe('ANNULUS_IO')
    expect(errors).toContain('ANNULUS_IO')
    expect(collection.stats().index.state).toBe('failed')
    expect(await collection.search(vectors(1, dimension)[0] ?? [])).toHaveLength(10)
    // Writes do not wait for what cannot be done.
    await collection.upsert(points(200).slice(100))
    await collection.upsert(points(300).slice(200))
    broken = false
    await collection.delete(5)
    await collection.waitForIndex()
    expect(collection.stats().index).toMatchObject({ state: 'idle', linked: 300 })
  })

  it('cannot harm what emits them', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection('c', { dimension, slowSearchMs: 0 })
    await collection.upsert(points(10))
    const uncaught = new Promise((resolve) => {
      const listeners = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const listener of listeners) process.on('uncaughtException', listener)
        resolve(error)
      })
    })
    collection.once('slowSearch', () => {
      throw new Error('listener')
    })
    expect(await collection.search(vectors(1, dimension)[0] ?? [])).toHaveLength(10)
    expect(await uncaught).toMatchObject({ message: 'listener' })
  })
})
