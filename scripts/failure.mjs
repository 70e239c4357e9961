// Failures a person can act on are told in words; everything else keeps its stack trace.

/** A failure whose message says what is wrong and what to do; printed without a stack trace. */
export class Failure extends Error {
  /** @param {string} message @param {number} exitCode */
  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Runs a script's body and sets the exit code of the process. */
export async function main(body) {
  try {
    requireNode()
    await body()
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error)
    process.exitCode = error instanceof Failure ? error.exitCode : 1
  }
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= 20) return
  throw new Failure(
    `Annulus needs Node 20 or later; this is ${process.version} (${process.execPath}).`,
  )
}
