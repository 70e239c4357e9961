// What compiling needs and npm cannot bring; asked for only when something must be compiled.
import { spawnSync } from 'node:child_process'
import { Failure } from '../failure.mjs'

const tools = [
  {
    what: 'a C++ compiler (C++17)',
    commands: [process.env.CXX, 'c++', 'g++', 'clang++'],
  },
  { what: 'make', commands: [process.env.MAKE, 'make', 'gmake'] },
  {
    what: 'Python 3',
    commands: [process.env.npm_config_python, process.env.PYTHON, 'python3', 'python'],
  },
]

/** Throws a Failure naming everything that is missing. On Windows node-gyp does that better. */
export function requireCompiler() {
  if (process.platform === 'win32') return
  const missing = tools.filter(({ commands }) => !commands.some(works)).map(({ what }) => what)
  if (missing.length === 0) return
  throw new Failure(
    [
      `The native parts must be compiled, and this machine lacks ${missing.join(', ')}.`,
      'Debian, Ubuntu: apt install build-essential python3',
      'Fedora: dnf install gcc-c++ make python3      Alpine: apk add build-base python3',
      'macOS: xcode-select --install',
    ].join('\n'),
  )
}

function works(command) {
  if (command === undefined || command === '') return false
  // CXX may hold a launcher and flags: "ccache g++ -m64".
  const [program, ...args] = command.split(/\s+/)
  return spawnSync(program, [...args, '--version'], { stdio: 'ignore' }).status === 0
}
