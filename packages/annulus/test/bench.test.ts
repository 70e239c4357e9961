import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Backend, ExperimentRow } from '../src/bench/experiment.js'
import { median, percentile } from '../src/bench/measure.js'
import { recall } from '../src/bench/recall.js'
import { headline, recommend } from '../src/bench/recommend.js'

describe('figures of the experiment', () => {
  it('a percentile is a sample, and at least that share of samples is not above it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true }), { minLength: 1 }),
        fc.integer({ min: 1, max: 100 }),
        (samples, percent) => {
          const sorted = samples.toSorted((a, b) => a - b)
          const value = percentile(sorted, percent)
          expect(samples).toContain(value)
          expect(
            sorted.filter((sample) => sample <= value).length / sorted.length,
          ).toBeGreaterThanOrEqual(percent / 100)
        },
      ),
    )
  })

  it('the median of three is the middle one', () => {
    expect(median([3, 1, 2])).toBe(2)
  })

  it('recall counts found neighbours, whatever their order', () => {
    expect(
      recall(
        [
          [1, 2],
          [9, 4],
        ],
        [
          [2, 1],
          [3, 4],
        ],
      ),
    ).toBe(0.75)
    expect(recall([], [[1]])).toBe(0)
  })
})

describe('the recommendation', () => {
  const row = (backend: Backend, seconds: number): ExperimentRow => ({
    backend,
    seconds,
    cache: 'as-is',
    oversampling: 4,
    parallel: 8,
    queries: 100,
    qps: 100 / seconds,
    latencyMeanMs: seconds,
    latencyMs: Array.from({ length: 100 }, (_, i) => (seconds * (i + 1)) / 10),
    readsPerQuery: 40,
    readBytes: 1e6,
    recall: 1,
    iopsMax: 1000,
    cpuPercent: 50,
    machineCpuPercent: 60,
    loopP99Ms: 1,
    loopMaxMs: 2,
  })

  it('is the faster backend, and says by how much', () => {
    const seconds = fc.double({ min: 0.01, max: 100, noNaN: true })
    fc.assert(
      fc.property(seconds, seconds, (uring, mmap) => {
        fc.pre(Math.max(uring, mmap) / Math.min(uring, mmap) > 1.2)
        const { backend, reasons } = recommend([row('mmap', mmap), row('io_uring', uring)])
        expect(backend).toBe(uring < mmap ? 'io_uring' : 'mmap')
        const ratio = (Math.max(uring, mmap) / Math.min(uring, mmap)).toFixed(1)
        expect(reasons[0]).toContain(`${ratio} times faster`)
      }),
    )
  })

  it('is none where only one backend was asked for', () => {
    const only = recommend([row('mmap', 1)])
    expect(headline(only)).toBe('No recommendation')
    expect(only.reasons).toEqual([
      'only mmap was measured, as asked; without --backends both are compared',
    ])
  })

  it('tells why io_uring was not measured', () => {
    const told = recommend([row('mmap', 1)], 'a seccomp filter blocks io_uring')
    expect(headline(told)).toBe('Use mmap')
    expect(told.reasons[0]).toContain('a seccomp filter blocks io_uring')
  })
})
