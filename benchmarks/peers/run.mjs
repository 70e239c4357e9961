// Annulus beside its peers on one set, each in its own process, in one run:
//
//   cd benchmarks/peers && npm install && cd ../..
//   node benchmarks/peers/run.mjs --data DIR [--peers annulus-mmap,zvec-int8] [--seconds 2] [--rounds 3] [--out FILE]
//
// With filters, indexes built once and kept:
//
//   node benchmarks/peers/run.mjs --data DIR --filters FILE --keep DIR2 --phase build      # makes FILE if it is missing
//   node benchmarks/peers/run.mjs --data DIR --filters FILE --keep DIR2 --phase filters    # or search: without them
//
// What was kept is opened cold, or with --warm after its files have been read.
//
// Rounds go through the peers in turn, so that a machine that drifts drifts for all; figures are medians.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openDataSet } from 'annulus'
import { filterCases } from '../filter-cases.mjs'
import { median } from '../median.mjs'
import { filterTable } from './filter-table.mjs'
import { peers } from './peers.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    peers: { type: 'string', default: Object.keys(peers).join(',') },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '1' },
    dir: { type: 'string', default: tmpdir() },
    out: { type: 'string' },
    keep: { type: 'string' },
    phase: { type: 'string', default: 'both' },
    filters: { type: 'string' },
    warm: { type: 'boolean', default: false },
    queries: { type: 'string', default: '50' },
  },
})
if (values.data === undefined) throw new Error('name a data set with --data')

if (values.filters !== undefined && !existsSync(values.filters)) {
  const set = await openDataSet(values.data)
  const queries = (await set.queries()).slice(0, Number(values.queries))
  await writeFile(values.filters, JSON.stringify(await filterCases(set, queries, 10)))
}
if (values.keep !== undefined) await mkdir(values.keep, { recursive: true })

async function measurePeer(peer) {
  const folder = values.keep ?? (await mkdtemp(join(values.dir, 'annulus-peer-')))
  const settings = JSON.stringify({
    peer,
    data: values.data,
    path: join(folder, peer),
    seconds: Number(values.seconds),
    phase: values.phase,
    filters: values.filters,
    warm: values.warm,
  })
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./measure-peer.mjs', import.meta.url)), settings],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const rows = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue
    rows.push(JSON.parse(line))
    if (values.out) await appendFile(values.out, `${line}\n`)
  }
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true })
  return rows
}

const all = []
for (let round = 0; round < Number(values.rounds); round++) {
  for (const peer of values.peers.split(',')) {
    process.stderr.write(`round ${round + 1}: ${peer}\n`)
    all.push(...(await measurePeer(peer)))
  }
}

const groups = Map.groupBy
  ? Map.groupBy
  : (rows, key) =>
      rows.reduce((map, row) => map.set(key(row), [...(map.get(key(row)) ?? []), row]), new Map())
for (const row of all.filter(({ what }) => what === 'build')) {
  console.log(
    `${row.peer}: built in ${row.seconds.toFixed(1)} s, ${row.cpuSeconds.toFixed(1)} CPU s, ${row.rssMB.toFixed(0)} MB resident`,
  )
}
for (const row of all.filter(({ what }) => what === 'memory')) {
  console.log(
    `${row.peer}: ${row.rssMB.toFixed(0)} MB resident after searching, ${row.ownMB?.toFixed(0) ?? '?'} of them not pages of files`,
  )
}
if (values.phase === 'filters') console.log(filterTable(all))
console.log(
  '\n| peer | setting | recall@10 | QPS, 1 caller | QPS, 8 callers | CPU µs a query (1 / 8) | event loop p99 ms |\n|---|---|---:|---:|---:|---:|---:|',
)
for (const rows of groups(
  all.filter(({ what }) => what === 'search'),
  ({ peer, setting }) => peer + JSON.stringify(setting),
).values()) {
  const of = (callers, field) =>
    median(rows.filter((row) => row.callers === callers).map((row) => row[field]))
  const setting = Object.entries(rows[0].setting)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
  console.log(
    `| ${rows[0].peer} | ${setting} | ${of(8, 'recall').toFixed(4)} | ${Math.round(of(1, 'qps'))} | ${Math.round(of(8, 'qps'))} | ${of(1, 'cpuMicros').toFixed(0)} / ${of(8, 'cpuMicros').toFixed(0)} | ${of(8, 'loopP99Ms').toFixed(2)} |`,
  )
}
// The rows that decide: each peer's fastest setting at a recall.
for (const target of [0.95, 0.99]) {
  for (const callers of [1, 8]) {
    const best = new Map()
    for (const row of all.filter(
      (r) => r.what === 'search' && r.callers === callers && r.recall >= target,
    )) {
      if (row.qps > (best.get(row.peer)?.qps ?? 0)) best.set(row.peer, row)
    }
    const ranked = [...best.values()].toSorted((a, b) => b.qps - a.qps)
    console.log(
      `\nrecall >= ${target}, ${callers} caller(s): ${ranked.map((row) => `${row.peer} ${Math.round(row.qps)} (${JSON.stringify(row.setting)})`).join('; ')}`,
    )
  }
}
