import { Presets, SingleBar } from 'cli-progress'

/** Shows how far a long work is; silent when nobody watches or output is for programs. */
export interface Progress {
  update(done: number, total?: number): void
  stop(): void
}

/** A progress bar on stderr, or a line at each tenth where stderr is no terminal. */
export function progressBar(label: string, total: number, unit: string, quiet = false): Progress {
  if (quiet) return { update() {}, stop() {} }
  if (!process.stderr.isTTY) return progressLines(label, total, unit)
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value}/{total} ${unit} | {eta_formatted} left`,
      hideCursor: true,
      stream: process.stderr,
      gracefulExit: false,
    },
    Presets.shades_classic,
  )
  bar.start(total, 0)
  return {
    update(done, newTotal) {
      if (newTotal !== undefined) bar.setTotal(newTotal)
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}

function progressLines(label: string, total: number, unit: string): Progress {
  let tenth = 0
  let most = total
  return {
    update(done, newTotal) {
      most = newTotal ?? most
      const reached = Math.floor((10 * done) / Math.max(1, most))
      if (reached <= tenth) return
      tenth = reached
      process.stderr.write(`${label}: ${reached * 10} % (${done} of ${most} ${unit})\n`)
    },
    stop() {},
  }
}
