import { describe, expect, it } from 'vitest'
import { LexicalEmbedder } from '../src/demo/lexical-embedder.js'

const texts = [
  'the cat sat on the warm windowsill',
  'reading files asynchronously from a disk',
  'signing a message with a private key',
]

describe('the lexical stand-in for a model', () => {
  const embedder = new LexicalEmbedder(texts, 256)
  const dot = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0)

  it('puts texts that share words near each other', () => {
    const query = embedder.embed('read a file from disk')
    const scores = texts.map((text) => dot(query, embedder.embed(text)))
    expect(scores.indexOf(Math.max(...scores))).toBe(1)
  })

  it('gives unit vectors of the stated dimension, the same for the same text, also for the empty one', () => {
    for (const text of [...texts, '']) {
      const vector = embedder.embed(text)
      expect(vector).toHaveLength(256)
      expect(dot(vector, vector)).toBeCloseTo(1, 5)
      expect(embedder.embed(text)).toEqual(vector)
    }
  })
})
