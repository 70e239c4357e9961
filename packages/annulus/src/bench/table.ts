import Table from 'cli-table3'
import type { ExperimentRow } from './experiment.js'

const columns: readonly [title: string, cell: (row: ExperimentRow) => string][] = [
  ['backend', (row) => row.backend],
  ['over-\nsampling', (row) => String(row.oversampling)],
  ['parallel', (row) => String(row.parallel)],
  ['reads/\nquery', (row) => row.readsPerQuery.toFixed(1)],
  ['max\nIOPS', (row) => Math.round(row.iopsMax).toLocaleString('en')],
  ['CPU %\n(1 core = 100)', (row) => row.cpuPercent.toFixed(0)],
  ['wall s', (row) => row.seconds.toFixed(3)],
  ['QPS', (row) => Math.round(row.qps).toLocaleString('en')],
  [
    'latency ms\np50 / p99',
    (row) => `${row.latencyP50Ms.toFixed(2)} / ${row.latencyP99Ms.toFixed(2)}`,
  ],
  ['recall\n@k', (row) => row.recall.toFixed(4)],
  [
    'event loop ms\np99 / max',
    (row) => `${row.loopP99Ms.toFixed(2)} / ${row.loopMaxMs.toFixed(1)}`,
  ],
]

/** The rows as a table for a terminal. */
export function formatTable(rows: readonly ExperimentRow[]): string {
  const table = new Table({
    head: columns.map(([title]) => title),
    style: { head: [], border: [] },
    colAligns: columns.map((_, index) => (index === 0 ? 'left' : 'right')),
  })
  for (const row of rows) table.push(columns.map(([, cell]) => cell(row)))
  return table.toString()
}
