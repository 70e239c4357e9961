// A stand-in for an embedding model that needs no download: texts that share words come out near.

/**
 * Feature hashing (Weinberger et al., ICML 2009) of words and word pairs, weighted by how rare each
 * is in the corpus. It compares *words*, not meanings; put a real model in its place by
 * giving anything with the same `embed` method.
 */
export class LexicalEmbedder {
  readonly dimension: number
  readonly #documents: number
  readonly #frequency: Map<number, number>

  /** Learns the weights of words from the texts that will be searched. */
  constructor(texts: Iterable<string>, dimension = 768) {
    this.dimension = dimension
    this.#frequency = new Map()
    let documents = 0
    for (const text of texts) {
      documents++
      for (const feature of features(text).keys()) {
        this.#frequency.set(feature, (this.#frequency.get(feature) ?? 0) + 1)
      }
    }
    this.#documents = documents
  }

  /** The vector of one text; unit length unless no word is known. */
  embed(text: string): Float32Array {
    const vector = new Float32Array(this.dimension)
    for (const [feature, { count, weight }] of features(text)) {
      const rarity = this.#rarity(feature)
      // Two places a feature, so that two features that meet in one place still differ in the other.
      for (const bits of [feature, Math.imul(feature ^ (feature >>> 15), 0x85ebca6b) >>> 0]) {
        const at = (bits >>> 1) % this.dimension
        const sign = (bits & 1) === 0 ? 1 : -1
        vector[at] = (vector[at] ?? 0) + sign * weight * rarity * (1 + Math.log(count))
      }
    }
    let norm = 0
    for (const component of vector) norm += component * component
    if (norm === 0) vector[0] = norm = 1
    const scale = 1 / Math.sqrt(norm)
    return vector.map((component) => component * scale)
  }

  #rarity(feature: number): number {
    return Math.log((1 + this.#documents) / (1 + (this.#frequency.get(feature) ?? 0)))
  }
}

const stopWords = new Set(
  'a an and are as at be by can do for from how i if in is it its of on or that the this to was what when which will with you your'.split(
    ' ',
  ),
)

function features(text: string): Map<number, { count: number; weight: number }> {
  const found = new Map<number, { count: number; weight: number }>()
  const add = (key: string, weight: number) => {
    const feature = fnv1a(key)
    const entry = found.get(feature)
    if (entry === undefined) found.set(feature, { count: 1, weight })
    else entry.count++
  }
  let previous = ''
  for (const word of words(text)) {
    if (stopWords.has(word)) continue
    add(word, 1)
    if (previous !== '') add(`${previous} ${word}`, 0.3)
    previous = word
  }
  return found
}

/** Lower-case words; names in camelCase also count as their parts. */
function* words(text: string): Generator<string> {
  for (const match of text.matchAll(/[A-Za-z][A-Za-z0-9]+/g)) {
    const word = match[0]
    const parts = word.split(/(?<=[a-z0-9])(?=[A-Z])/)
    for (const part of parts) yield stem(part.toLowerCase())
    if (parts.length > 1) yield word.toLowerCase()
  }
}

function stem(word: string): string {
  return word.length > 4 ? word.replace(/(?:ing|ed|es|s)$/, '') : word
}

function fnv1a(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  }
  return hash >>> 0
}
