// What a run costs: wall time, CPU of this process and of the machine, event-loop delay, peak IOPS.
import { cpus } from 'node:os'
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'

export interface Cost {
  readonly seconds: number
  /** CPU time of this process per second of wall time; 100 is one core. */
  readonly cpuPercent: number
  /** Busy time of all cores per second of wall time; 100 is one core. */
  readonly machineCpuPercent: number
  /** Event-loop delay in milliseconds. */
  readonly loopP99Ms: number
  readonly loopMaxMs: number
  /** Highest rate of storage reads over any sampling interval, per second. */
  readonly iopsMax: number
}

const sampleMs = 250

/** Runs `work` and measures it; `reads` counts the storage reads so far. */
export async function measure(work: () => Promise<void>, reads: () => number): Promise<Cost> {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const sampler = sampleRate(reads)
  const machineBefore = machineBusyMs()
  const cpuBefore = process.cpuUsage()
  const started = performance.now()
  loop.enable()
  await work()
  loop.disable()
  const ms = performance.now() - started
  const cpu = process.cpuUsage(cpuBefore)
  return {
    seconds: ms / 1000,
    cpuPercent: (cpu.user + cpu.system) / 10 / ms,
    machineCpuPercent: (100 * (machineBusyMs() - machineBefore)) / ms,
    ...loopDelay(loop),
    iopsMax: sampler.stop(),
  }
}

function loopDelay(loop: IntervalHistogram) {
  return { loopP99Ms: loop.percentile(99) / 1e6, loopMaxMs: loop.max / 1e6 }
}

function sampleRate(reads: () => number): { stop(): number } {
  let last = reads()
  let lastAt = performance.now()
  let highest = 0
  const sample = (atLeastMs: number) => {
    const now = performance.now()
    if (now - lastAt < atLeastMs) return
    const count = reads()
    highest = Math.max(highest, (1000 * (count - last)) / (now - lastAt))
    last = count
    lastAt = now
  }
  const timer = setInterval(() => sample(0), sampleMs)
  return {
    stop() {
      clearInterval(timer)
      // A last, shorter interval counts only when it is long enough for a rate, or is all there is.
      sample(highest === 0 ? 1 : sampleMs / 2)
      return highest
    },
  }
}

function machineBusyMs(): number {
  let busy = 0
  for (const { times } of cpus()) busy += times.user + times.nice + times.sys + times.irq
  return busy
}

/** The value below which `percent` of the sorted samples lie (nearest rank). */
export function percentile(sorted: readonly number[], percent: number): number {
  if (sorted.length === 0) return Number.NaN
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.max(0, Math.min(sorted.length - 1, rank - 1))] ?? Number.NaN
}

/** The middle of the samples, which need not be sorted. */
export function median(samples: readonly number[]): number {
  return percentile(
    [...samples].sort((a, b) => a - b),
    50,
  )
}
