/** The vectors of a set, some at a time, as an application that reads them from somewhere hands them over. */
export async function* batchesOf(set, size = 1000) {
  let first = 0
  let vectors = []
  for await (const { vector } of set.rows()) {
    vectors.push(vector)
    if (vectors.length < size) continue
    yield { first, vectors }
    first += vectors.length
    vectors = []
  }
  if (vectors.length > 0) yield { first, vectors }
}
