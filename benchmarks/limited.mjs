// Runs a command under a memory limit that includes its page cache (a memory cgroup; Linux, root):
//
//   node benchmarks/limited.mjs --memory 600M -- node some-script.mjs
//
// What is already cached belongs to whoever read it first, so drop it before: `annulus bench --cache cold`.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const separator = process.argv.indexOf('--')
const memory = process.argv[process.argv.indexOf('--memory') + 1]
if (separator < 0 || !/^\d+[KMG]?$/.test(memory ?? '')) {
  console.error('usage: node benchmarks/limited.mjs --memory 600M -- COMMAND [ARGUMENT ...]')
  process.exit(2)
}

const first = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')
const group = join(first ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', `annulus-${process.pid}`)
mkdirSync(group)
writeFileSync(join(group, first ? 'memory.limit_in_bytes' : 'memory.max'), memory)
if (!first) writeFileSync(join(group, 'memory.swap.max'), '0')

// The child enters the group itself, before it becomes the command.
const [command, ...commandArguments] = process.argv.slice(separator + 1)
const child = spawn(
  'sh',
  ['-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', group, command, ...commandArguments],
  {
    stdio: 'inherit',
  },
)
child.on('exit', (code, signal) => {
  const peak = readFileSync(
    join(group, first ? 'memory.max_usage_in_bytes' : 'memory.peak'),
    'utf8',
  )
  console.error(`limit ${memory}, peak ${(Number(peak) / 2 ** 20).toFixed(0)} MiB`)
  rmdirSync(group)
  process.exitCode = signal === null ? (code ?? 1) : 1
})
