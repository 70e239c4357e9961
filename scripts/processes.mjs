// Child processes: each is a process group of its own, so that a signal to the script ends the
// compiler under make under node-gyp as well, once and together.
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, dirname } from 'node:path'
import { Failure } from './failure.mjs'

const graceMs = 5000
const ownGroup = process.platform !== 'win32'
const running = new Set()
/** The signal that ended the script's work, once one came. */
let ending

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // npm hands the signal of the terminal on, so it comes twice.
    if (ending !== undefined) return
    ending = signal
    for (const child of running) kill(child, signal)
    setTimeout(() => {
      for (const child of running) kill(child, 'SIGKILL')
      process.exit(signalExitCode(signal))
    }, graceMs).unref()
    if (running.size === 0) process.exit(signalExitCode(signal))
  })
}

function kill(child, signal) {
  try {
    if (ownGroup) process.kill(-child.pid, signal)
    else child.kill(signal)
  } catch {
    // It ended by itself in the meantime.
  }
}

function signalExitCode(signal) {
  return 128 + constants.signals[signal]
}

/**
 * Runs a command in the foreground, sharing the terminal.
 *
 * @returns its exit code
 */
export function runVisibly(command, args, { cwd, env } = {}) {
  const child = start(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
  return finished(child, command)
}

/**
 * Runs a command quietly; its output goes to `log`, each line also to `onLine`, both without the
 * names of hosts: a log may be pasted anywhere.
 *
 * @returns its exit code
 */
export async function runLogged(command, args, { cwd, env, log, onLine }) {
  mkdirSync(dirname(log), { recursive: true })
  const file = createWriteStream(log)
  const child = start(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const take = (line) => {
    const clean = withoutHosts(line)
    file.write(`${clean}\n`)
    onLine?.(clean)
  }
  for (const stream of [child.stdout, child.stderr]) byLine(stream, take)
  try {
    return await finished(child, command)
  } finally {
    await new Promise((resolve) => file.end(resolve))
  }
}

/** How to start npm: with the running Node, if npm started the script; else by its name. */
export function npmCommand() {
  const path = process.env.npm_execpath
  const isNpm = path !== undefined && basename(path) === 'npm-cli.js'
  return isNpm ? [process.execPath, path] : ['npm']
}

/** The last lines of a log file. */
export function tail(log, lines = 60) {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
}

/** Replaces the host in every URL. */
export function withoutHosts(text) {
  return text.replace(/(\w+:\/\/)(?:[^\s/@]*@)?[^\s/:'"]+(?::\d+)?/g, '$1…')
}

function start(command, args, options) {
  const child = spawn(command, args, {
    ...options,
    detached: ownGroup,
    // npm is a .cmd file there, which only a shell can start.
    shell: process.platform === 'win32' && command === 'npm',
  })
  running.add(child)
  if (ending !== undefined) kill(child, ending)
  return child
}

function finished(child, command) {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      running.delete(child)
      reject(
        error.code === 'ENOENT'
          ? new Failure(`"${command}" is not installed or not on the PATH.`)
          : error,
      )
    })
    child.on('close', (code, signal) => {
      running.delete(child)
      if (ending !== undefined) reject(new Failure('interrupted', signalExitCode(ending)))
      else if (signal !== null) {
        reject(new Failure(`${command} was ended by ${signal}.`, signalExitCode(signal)))
      } else resolve(code)
    })
  })
}

function byLine(stream, take) {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) take(line)
  })
  stream.on('end', () => {
    if (rest !== '') take(rest)
  })
}
