import colors from "picocolors";

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** "left" unless given; numbers look better on the right. */
  readonly align?: "left" | "right";
  readonly color?: (text: string) => string;
}

/** Prints rows below the titles of their columns, each as wide as its widest cell. */
export function printTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
): void {
  const cells = rows.map((row) => columns.map((_, index) => String(row[index] ?? "")));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (texts: readonly string[], paint: (text: string, column: Column) => string) =>
    columns
      .map((column, index) => {
        const text = texts[index] ?? "";
        const width = widths[index] ?? 0;
        const last = index === columns.length - 1;
        // What ends a line needs no space behind it.
        const padded = column.align === "right" ? text.padStart(width) : last ? text : text.padEnd(width);
        return paint(padded, column);
      })
      .join("   ");
  console.log(
    `  ${line(
      columns.map(({ title }) => title),
      colors.bold,
    )}`,
  );
  for (const row of cells) {
    console.log(`  ${line(row, (text, { color }) => color?.(text) ?? text)}`);
  }
  console.log();
}
