import stringWidth from "string-width";

// What a terminal obeys, or what makes text read otherwise than it is: controls, and marks of direction.
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** How long a text of a peer may be in the output for people, in columns. */
const MAX_WIDTH = 160;

/** A text that a peer sent, as it can be shown on a terminal: on one line, nothing in it obeyed, cut where it is endless. */
export function safe(text: string): string {
  const visible = text
    .slice(0, 4 * MAX_WIDTH)
    .replaceAll(UNSAFE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return text.length <= MAX_WIDTH / 2 ? visible : truncate(visible, MAX_WIDTH);
}

/** A text cut to a width in columns. */
export function truncate(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let columns = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    columns += stringWidth(segment);
    if (columns > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Rows of cells in columns, each as wide as its widest cell; wide characters count as two. */
export function columns(rows: readonly (readonly string[])[], gap = "  "): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, stringWidth(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, at) =>
        at === row.length - 1 ? cell : cell + " ".repeat((widths[at] ?? 0) - stringWidth(cell)),
      )
      .join(gap)
      .trimEnd(),
  );
}
