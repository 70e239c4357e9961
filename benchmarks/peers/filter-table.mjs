// What filters cost, as a table: a line a filter, a column a peer, searches a second with 1 / 8 callers at the fastest of its settings
// that reaches the recall.

export function filterTable(results) {
  const rows = results.filter(({ what }) => what === 'filter')
  const peers = [...new Set(rows.map(({ peer }) => peer))]
  const lines = new Map(
    rows.map(({ kind, share, matching }) => [`${kind} ${share}`, { kind, share, matching }]),
  )
  const best = (line, peer, callers) => {
    const rates = rows
      .filter(
        (row) =>
          row.peer === peer &&
          row.callers === callers &&
          row.kind === line.kind &&
          row.share === line.share,
      )
      .map(({ qps }) => qps)
    return rates.length === 0 ? '–' : Math.round(Math.max(...rates)).toLocaleString('en')
  }
  const cells = (line) => peers.map((peer) => `${best(line, peer, 1)} / ${best(line, peer, 8)}`)
  return [
    `| filter | % | matching | ${peers.join(' | ')} |`,
    `|---|---:|---:|${peers.map(() => '---:|').join('')}`,
    ...[...lines.values()].map(
      (line) =>
        `| ${line.kind} | ${100 * line.share} | ${Math.round(line.matching).toLocaleString('en')} | ${cells(line).join(' | ')} |`,
    ),
  ].join('\n')
}
