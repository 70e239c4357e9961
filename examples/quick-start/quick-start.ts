import { open } from 'annulus'

await using db = await open('./library')
const notes = await db.collection<{ title: string; year: number }>('notes', {
  dimension: 4,
  metric: 'cosine',
})

await notes.upsert([
  { id: 'ada', vector: [0.9, 0.1, 0, 0.2], payload: { title: 'On the engine', year: 1843 } },
  { id: 'grace', vector: [0.1, 0.8, 0.3, 0], payload: { title: 'The compiler', year: 1952 } },
]) // durable once this resolves

const hits = await notes.search([1, 0, 0, 0], { limit: 1, filter: { year: 1843 } })
console.log(hits[0]?.id, hits[0]?.score, hits[0]?.payload?.title)
