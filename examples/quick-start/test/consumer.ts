// What an application is written like, as far as types are concerned; consumer.test.ts compiles it as one.
import { once } from 'node:events'
import {
  AnnulusError,
  type Collection,
  type Database,
  type Filter,
  type Hit,
  open,
  type PointInput,
} from 'annulus'

interface Note {
  title: string
  year: number
  tags: string[]
  language?: string
}

export async function use(path: string): Promise<Hit<Note> | undefined> {
  await using db: Database = await open(path, { durability: 'batched' })
  const notes: Collection<Note> = await db.collection('notes', { dimension: 4 })
  db.on('indexing', ({ done, total }, name) => console.log(name.length, done / total))
  notes.on('indexed', ({ points, codes }) => console.log(points, codes?.length)).off('drift', noop)
  // @ts-expect-error: no such event
  notes.on('indexd', noop)
  await once(notes, 'indexed')

  const point: PointInput<Note> = { id: 1, vector: [1, 0, 0, 0] }
  await notes.upsert([point, { id: '2', vector: new Float32Array(4), payload: undefined }])
  // @ts-expect-error: a payload of another type
  await notes.upsert({ id: 3, vector: [1, 0, 0, 0], payload: { title: 1 } })

  const filter: Filter<Note> = { year: { gte: 1843 }, tags: { in: ['engine'] }, language: 'en' }
  const hits = await notes.search([1, 0, 0, 0], { filter, signal: AbortSignal.timeout(100) })
  // @ts-expect-error: no such field
  await notes.count({ filter: { titel: 'On the engine' } })
  for await (const { id, payload } of notes) console.log(id, payload?.tags.length)
  return hits[0]
}

export function isBusy(error: unknown): boolean {
  return error instanceof AnnulusError && error.code === 'ANNULUS_LOCKED'
}

function noop(): void {}
