/** Milliseconds from an arbitrary start; the one place that reads the time. */
export function nowMs(): number {
  return performance.now()
}
