// Giving back several parts, where one that fails must not keep the others.

/**
 * Runs every step, one after the other, whatever becomes of those before it.
 *
 * @throws what the first step to fail failed with, once all have run.
 */
export async function releaseAll(steps: Iterable<() => unknown>): Promise<void> {
  const failures: { readonly reason: unknown }[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (reason) {
      failures.push({ reason })
    }
  }
  const [first] = failures
  if (first !== undefined) throw first.reason
}
