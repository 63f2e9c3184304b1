import { median } from "./figures.ts";
import type { Row } from "./rows.ts";
import type { Result, RowResult } from "./run.ts";

/** The figure that a row is to reach, or undefined where whom it is measured by is not there. */
export function reachOf({ row, results }: RowResult): number | undefined {
  const { reach } = row;
  if ("value" in reach) return reach.value;
  const other = results.find(({ name }) => name === reach.of);
  return other === undefined ? undefined : median(other.values) * reach.times;
}

/** How a contender stands to what is to be reached: 1 reaches it, more is slower, larger or dearer. */
export function costOf(row: Row, { values }: Result, reach: number): number {
  return row.isMoreBetter ? reach / median(values) : median(values) / reach;
}

/** Whether this package reaches what it is to. */
export function isReached(result: RowResult): boolean {
  const own = result.results.find(({ name }) => name === "xmpp-disco");
  const reach = reachOf(result);
  if (own === undefined || reach === undefined) return false;
  const stanzas = result.row.stanzas === undefined || median(own.stanzas) <= result.row.stanzas;
  return stanzas && costOf(result.row, own, reach) <= 1;
}
