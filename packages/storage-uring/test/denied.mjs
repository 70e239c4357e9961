// The conformance suite under each way in which a machine refuses io_uring:
//
//   npm run test:denied -- [--sysctl] [part of a way's name]
//
// Ways that cannot be had here are named, not passed over. `--sysctl` also switches
// kernel.io_uring_disabled for the whole machine and back; it needs root.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values: given, positionals } = parseArgs({
  options: { sysctl: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [part = ''] = positionals
const here = import.meta.dirname
const root = join(here, '..', '..', '..')
const entry = JSON.stringify(join(here, '..', 'dist', 'index.js'))
const temporary = mkdtempSync(join(tmpdir(), 'annulus-denied-'))
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }))

const suite = ['npx', 'vitest', 'run', 'packages/storage-uring/test/conformance.test.ts']
const question = `import(${entry}).then(({ isSupported }) => console.log(JSON.stringify(isSupported())))`

function run(command, environment = {}, quiet = false) {
  return spawnSync(command[0], command.slice(1), {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', quiet ? 'ignore' : 'inherit'],
    encoding: 'utf8',
  })
}

const sysctl = '/proc/sys/kernel/io_uring_disabled'
const seccomp = join(temporary, 'under-seccomp')
const compiled = run(['cc', '-o', seccomp, join(here, 'under-seccomp.c')])

/** What comes before the command, and its environment; or why it cannot be had. */
const ways = {
  'seccomp with EPERM, as in Docker': filtered('EPERM'),
  'seccomp with ENOSYS, as in other sandboxes': filtered('ENOSYS'),
  'memlock limit 0': { before: ['prlimit', '--memlock=0:0'], mayWork: true },
  'EPERM, simulated': { environment: { ANNULUS_URING_DENY: 'EPERM' } },
  'ENOMEM, simulated': { environment: { ANNULUS_URING_DENY: 'ENOMEM' } },
  'ENOSYS, simulated': { environment: { ANNULUS_URING_DENY: 'ENOSYS' } },
  'sysctl 1, without CAP_SYS_ADMIN': withSysctl('1', ['setpriv', '--bounding-set=-sys_admin']),
  'sysctl 2': withSysctl('2', []),
}

function filtered(errno) {
  return compiled.status === 0 ? { before: [seccomp, errno] } : { not: 'no C compiler' }
}

function withSysctl(value, before) {
  if (!given.sysctl) return { not: 'switches it for the machine: --sysctl' }
  if (process.getuid() !== 0) return { not: 'needs root' }
  if (!existsSync(sysctl)) return { not: 'this kernel has no such setting' }
  return { value, before }
}

function tryWay(name, way) {
  if (way.not !== undefined) return `${name}: NOT TRIED (${way.not})`
  const former = way.value === undefined ? undefined : readFileSync(sysctl, 'utf8')
  if (former !== undefined) writeFileSync(sysctl, way.value)
  try {
    const before = way.before ?? []
    const asked = run([...before, process.execPath, '-e', question], way.environment, true)
    if (asked.status !== 0) return `${name}: NOT TRIED (${before[0]} does not work here)`
    const support = JSON.parse(asked.stdout)
    if (support.supported && !way.mayWork) return `${name}: FAILED, the ring was not refused`
    const said = support.supported
      ? 'the ring works all the same'
      : `${support.code}, ${support.errno}`
    const outcome = run([...before, ...suite], way.environment)
    const count = /Tests .*?(\d+) passed/.exec(outcome.stdout)?.[1]
    if (outcome.status === 0 && count !== undefined) return `${name}: ${count} passed (${said})`
    return `${name}: FAILED (${said})\n${outcome.stdout}`
  } finally {
    if (former !== undefined) writeFileSync(sysctl, former)
  }
}

// A signal ends the command that runs; the setting of the machine is put back before we follow.
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true
  })
}

for (const [name, way] of Object.entries(ways)) {
  if (!name.includes(part)) continue
  await setImmediate() // lets a signal be heard
  if (interrupted) process.exit(130)
  const line = tryWay(name, way)
  console.log(line)
  if (line.includes('FAILED')) process.exitCode = 1
}
