// One self-contained HTML page of an experiment: table, plots, recommendation.
import type { ExperimentRow } from './experiment.js'
import { headline, type Recommendation } from './recommend.js'
import { columns } from './table.js'

export interface ReportFacts {
  readonly title: string
  /** Machine, collection, options: label and value. */
  readonly facts: readonly (readonly [label: string, value: string])[]
}

const colours = { io_uring: '#0b6e99', mmap: '#c2571a' } as const
const width = 760
const barHeight = 22

/** The page as text; needs no other file and no network. */
export function htmlReport(
  { title, facts }: ReportFacts,
  rows: readonly ExperimentRow[],
  recommendation: Recommendation,
): string {
  const name = (row: ExperimentRow) =>
    `${row.backend}, oversampling ${row.oversampling}, ${row.parallel} callers`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 860px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { padding: 3px 8px; border-bottom: 1px solid #ddd; text-align: right; white-space: pre-line }
th:first-child, td:first-child { text-align: left }
svg { display: block; max-width: 100% } svg text { font: 12px system-ui, sans-serif; fill: #222 }
.advice { background: #f2f6f8; border-left: 4px solid #0b6e99; padding: .6em 1em }
</style>
<h1>${escapeHtml(title)}</h1>
<p>${facts.map(([label, value]) => `${escapeHtml(label)}: ${escapeHtml(value)}`).join('<br>')}</p>
<div class="advice"><b>${headline(recommendation)}.</b> ${recommendation.reasons.map(escapeHtml).join('; ')}.</div>
<table><tr>${columns.map(([head]) => `<th>${escapeHtml(head)}</th>`).join('')}</tr>
${rows.map((row) => `<tr>${columns.map(([, cell]) => `<td>${escapeHtml(cell(row))}</td>`).join('')}</tr>`).join('\n')}
</table>
<h2>Wall time, seconds</h2>${bars(rows, name, (row) => row.seconds)}
<h2>Highest IOPS (250 ms samples)</h2>${bars(rows, name, (row) => row.iopsMax)}
<h2>Latency: share of queries answered within</h2>${latencyCurves(rows, name)}
<h2>Event-loop delay p99, milliseconds</h2>${bars(rows, name, (row) => row.loopP99Ms)}
</html>
`
}

function bars(
  rows: readonly ExperimentRow[],
  name: (row: ExperimentRow) => string,
  value: (row: ExperimentRow) => number,
): string {
  const most = Math.max(...rows.map(value), Number.MIN_VALUE)
  const start = 230
  const items = rows.map((row, index) => {
    const y = index * barHeight
    const length = ((width - start - 80) * value(row)) / most
    return `<text x="0" y="${y + 15}">${escapeHtml(name(row))}</text><rect x="${start}" y="${y + 3}" width="${length.toFixed(1)}" height="${barHeight - 6}" fill="${colours[row.backend]}"/><text x="${(start + length + 6).toFixed(1)}" y="${y + 15}">${Number(value(row).toPrecision(4)).toLocaleString('en')}</text>`
  })
  return svg(rows.length * barHeight, items.join(''))
}

/** One line a row: share of queries (upwards) against latency on a logarithmic axis. */
function latencyCurves(
  rows: readonly ExperimentRow[],
  name: (row: ExperimentRow) => string,
): string {
  const height = 260
  const all = rows.flatMap((row) => row.latencyMs).filter((ms) => ms > 0)
  const low = Math.log10(Math.min(...all))
  const high = Math.max(Math.log10(Math.max(...all)), low + 0.1)
  const x = (ms: number) =>
    40 + ((width - 60) * (Math.log10(Math.max(ms, 10 ** low)) - low)) / (high - low)
  const y = (percent: number) => height - 30 - ((height - 50) * percent) / 100
  const ticks = []
  for (let power = Math.ceil(low); power <= high; power++) {
    ticks.push(
      `<line x1="${x(10 ** power)}" x2="${x(10 ** power)}" y1="20" y2="${height - 30}" stroke="#ddd"/><text x="${x(10 ** power)}" y="${height - 12}" text-anchor="middle">${10 ** power} ms</text>`,
    )
  }
  for (const percent of [0, 50, 100])
    ticks.push(`<text x="0" y="${y(percent) + 4}">${percent} %</text>`)
  const lines = rows.map((row, index) => {
    const points = row.latencyMs
      .map((ms, i) => `${x(ms).toFixed(1)},${y(i + 1).toFixed(1)}`)
      .join(' ')
    const dash = ['none', '6 3', '2 3', '8 3 2 3'][index % 4]
    return `<polyline points="${points}" fill="none" stroke="${colours[row.backend]}" stroke-width="1.5" stroke-dasharray="${dash}"><title>${escapeHtml(name(row))}</title></polyline>`
  })
  return svg(height, ticks.join('') + lines.join(''))
}

function svg(height: number, content: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${content}</svg>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
