/** Rows under headings in columns as wide as needed, for terminals. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = headings.some(Boolean) ? [headings, ...rows] : rows;
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return all.map(line).join("\n");
}
