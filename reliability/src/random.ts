// Reproducible randomness: one seed, one run.

export type Random = () => number

/** Numbers in [0, 1) (mulberry32: Tommy Ettinger's 32-bit generator, public domain). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** An integer in [0, below). */
export function under(random: Random, below: number): number {
  return Math.floor(random() * below)
}

export function oneOf<T>(random: Random, choices: readonly [T, ...T[]]): T {
  return choices[under(random, choices.length)] ?? choices[0]
}
