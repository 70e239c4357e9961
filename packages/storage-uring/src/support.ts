// Whether io_uring may be used here, and if not, why, in words that say what to do.
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { AnnulusError } from '@annulus/native'
import { native, stages } from './native.js'

/** Why io_uring is not available. */
export type UnsupportedCode =
  /** Not Linux, or a kernel built without it. */
  | 'system'
  /** Switched off by `kernel.io_uring_disabled`. */
  | 'sysctl'
  /** Blocked by a seccomp filter, as in Docker's default profile. */
  | 'seccomp'
  /** Blocked by another security module or policy. */
  | 'policy'
  /** The kernel lacks an operation or a guarantee that we need. */
  | 'kernel'
  /** Not enough memory, or the memlock limit is too low. */
  | 'memory'
  /** Too many open files. */
  | 'files'
  /** An error we have no explanation for; `errno` names it. */
  | 'other'

export interface Support {
  readonly supported: boolean
  /** Why not, and what would help. */
  readonly reason?: string
  readonly code?: UnsupportedCode
  /** Name of the errno, such as `EPERM`. */
  readonly errno?: string
}

/** What the process can be seen to be under; read from `/proc`. */
export interface Circumstances {
  readonly platform: string
  /** `kernel.io_uring_disabled`: '0', '1', '2'; undefined where the kernel has no such setting. */
  readonly sysctl: string | undefined
  /** True when a seccomp filter is in force. */
  readonly seccomp: boolean
  /** True when the failure was asked for by `ANNULUS_URING_DENY`. */
  readonly simulated: boolean
}

/** The environment variable that simulates a kernel refusing a ring: the name of an errno. */
export const denyVariable = 'ANNULUS_URING_DENY'

/** The errno that `ANNULUS_URING_DENY` asks for, or 0. */
export function deniedErrno(environment: NodeJS.ProcessEnv = process.env): number {
  const name = environment[denyVariable]
  if (name === undefined || name === '') return 0
  const errno = Object.entries(constants.errno).find(([key]) => key === name)?.[1]
  if (errno !== undefined) return errno
  throw new AnnulusError(
    'ANNULUS_INVALID_ARGUMENT',
    `${denyVariable} must name an errno such as EPERM, not ${JSON.stringify(name)}`,
    { details: { variable: denyVariable, value: name } },
  )
}

/** What a small file of the system says; undefined where it is not there. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // not there, or hidden from us: then it explains nothing
  }
}

function circumstances(): Circumstances {
  return {
    platform: process.platform,
    sysctl: textOf('/proc/sys/kernel/io_uring_disabled')?.trim(),
    seccomp: /^Seccomp:\s*2$/m.test(textOf('/proc/self/status') ?? ''),
    simulated: deniedErrno() !== 0,
  }
}

function errnoName(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : 'no errno'
}

function denied(name: string, around: Circumstances): [UnsupportedCode, string] {
  if (around.sysctl === '2') {
    return ['sysctl', 'io_uring is switched off (sysctl kernel.io_uring_disabled=2)']
  }
  if (around.sysctl === '1') {
    return [
      'sysctl',
      'io_uring is kept to privileged processes (sysctl kernel.io_uring_disabled=1; see kernel.io_uring_group)',
    ]
  }
  if (around.seccomp) {
    return [
      'seccomp',
      "a seccomp filter blocks io_uring, as Docker's default profile does; allow io_uring_setup, io_uring_enter and io_uring_register in a profile of your own",
    ]
  }
  return ['policy', `the system denies io_uring (${name}); look for a security module's policy`]
}

/** Words the failure of setting up a ring. Pure, so that every case can be tested. */
export function explain(stage: number, errno: number, around: Circumstances): Support {
  const name = errnoName(errno)
  const [code, reason] = reasonOf(stages[stage] ?? 'setup', name, around)
  const where = around.simulated ? ` (simulated by ${denyVariable})` : ''
  return { supported: false, code, reason: reason + where, errno: name }
}

function reasonOf(
  stage: (typeof stages)[number],
  name: string,
  around: Circumstances,
): [UnsupportedCode, string] {
  if (around.platform !== 'linux') return ['system', `${around.platform} has no io_uring`]
  if (stage === 'features' || stage === 'read') {
    return ['kernel', 'the kernel is too old for our use of io_uring; Linux 5.6 or later is needed']
  }
  switch (name) {
    case 'EPERM':
    case 'EACCES':
      return denied(name, around)
    case 'ENOSYS':
      if (around.seccomp) return denied(name, around)
      return [
        'system',
        'the kernel has no io_uring (it needs Linux 5.6, built with CONFIG_IO_URING)',
      ]
    case 'EINVAL':
      return ['kernel', 'the kernel refuses the parameters of the ring (EINVAL)']
    case 'ENOMEM':
    case 'EAGAIN':
      return ['memory', `no memory for a ring (${name}); raise the memlock limit (ulimit -l)`]
    case 'EMFILE':
    case 'ENFILE':
      return ['files', `too many open files for a ring (${name}); raise the limit (ulimit -n)`]
    default:
      return ['other', `setting up a ring failed at "${stage}" with ${name}`]
  }
}

/** {@link explain} for this process. */
export function explainHere(stage: number, errno: number): Support {
  return explain(stage, errno, circumstances())
}

/**
 * Whether io_uring can be used by this process, decided by trying: a small ring is set up and one
 * read goes through it (about 0.1 ms). Where it cannot, `uringStorage()` still works, reading with
 * `pread` on threads.
 */
export function isSupported(): Support {
  const probed = native.probe({ denyErrno: deniedErrno() })
  return probed.supported ? { supported: true } : explainHere(probed.stage, probed.errno)
}
