import Table from 'cli-table3'
import type { ExperimentRow } from './experiment.js'

export const columns: readonly [title: string, cell: (row: ExperimentRow) => string][] = [
  ['backend', (row) => row.backend],
  ['over-\nsampling', (row) => String(row.oversampling)],
  ['parallel', (row) => String(row.parallel)],
  ['reads/\nquery', (row) => row.readsPerQuery.toFixed(1)],
  ['MB\nread', (row) => (row.readBytes / 1e6).toFixed(0)],
  ['max\nIOPS', (row) => Math.round(row.iopsMax).toLocaleString('en')],
  [
    'CPU %\nown / all',
    (row) => `${row.cpuPercent.toFixed(0)} / ${row.machineCpuPercent.toFixed(0)}`,
  ],
  ['wall s', (row) => row.seconds.toFixed(3)],
  ['QPS', (row) => Math.round(row.qps).toLocaleString('en')],
  [
    'latency ms\np50 / p95 / p99',
    (row) => [50, 95, 99].map((percent) => latencyAt(row, percent).toFixed(2)).join(' / '),
  ],
  ['recall\n@k', (row) => row.recall.toFixed(4)],
  [
    'event loop ms\np99 / max',
    (row) => `${row.loopP99Ms.toFixed(2)} / ${row.loopMaxMs.toFixed(1)}`,
  ],
]

/** Latency below which `percent` (1 to 100) of the queries were answered, in milliseconds. */
export function latencyAt(row: ExperimentRow, percent: number): number {
  return row.latencyMs[percent - 1] ?? Number.NaN
}

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
