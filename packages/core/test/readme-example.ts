import { open } from '@annulus/core'
import { memoryStorage } from '@annulus/storage'

interface Note {
  title: string
  year: number
  tags?: string[]
}

export async function example(path: string): Promise<string[]> {
  await using db = await open(path, { storage: memoryStorage() })
  const notes = await db.collection<Note>('notes', {
    dimension: 4,
    metric: 'cosine',
    indexedFields: ['year'],
  })
  await notes.upsert([
    { id: 'ada', vector: [0.9, 0.1, 0, 0.2], payload: { title: 'On the engine', year: 1843 } },
    { id: 'grace', vector: [0.1, 0.8, 0.3, 0], payload: { title: 'The compiler', year: 1952 } },
    { id: 42, vector: [0.8, 0.3, 0, 0], payload: { title: 'An answer', year: 1978 } },
  ]) // durable once this resolves
  const hits = await notes.search([1, 0, 0, 0], {
    limit: 2,
    filter: { year: { in: [1843, 1978] } },
  })
  return hits.map(({ id, score, payload }) => `${id} ${score.toFixed(3)} ${payload?.title}`)
}
