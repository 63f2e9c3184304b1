import stringWidth from "string-width";

// What a terminal obeys, or what makes text read otherwise than it is: controls, marks of direction, what takes no room.
// The joiners U+200C and U+200D stay: scripts and emoji are made with them.
const UNSAFE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff0-\ufffc\ufffe\uffff]/gu;

// All of which is as wide as it is long.
const PLAIN = /^[\x20-\x7e]*$/;

/** How long a text of a peer may be in the output for people, in columns. */
const MAX_WIDTH = 160;

/** How wide a cell may be and still make its column as wide. */
const MAX_COLUMN = 72;

/** A text with nothing in it that a terminal obeys: what it would obey is shown as its code point. */
export function visible(text: string): string {
  return text.replaceAll(UNSAFE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** A text that a peer sent, as it can be shown on a terminal: on one line, nothing in it obeyed, cut where it is endless. */
export function safe(text: string): string {
  const start = text.slice(0, 4 * MAX_WIDTH);
  const shown = visible(start);
  return truncate(start.length < text.length ? `${shown}…` : shown, MAX_WIDTH);
}

/** A text cut to a width in columns. */
export function truncate(text: string, width: number): string {
  // No character is wider than two columns.
  if (2 * text.length <= width || widthOf(text) <= width) return text;
  let kept = "";
  let columns = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    columns += widthOf(segment);
    if (columns > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/**
 * Rows of cells in columns, each as wide as its widest cell; wide characters count as two, colours not at all.
 *
 * A cell that is wider than most of a terminal juts out, and leaves the others where they are.
 */
export function columns(rows: readonly (readonly string[])[], gap = "  "): string[] {
  const widths: number[] = [];
  const measured = rows.map((row) =>
    row.map((cell, at) => {
      // Nothing stands behind the last one.
      const width = at < row.length - 1 ? widthOf(cell) : Math.min(cell.length, 1);
      if (width <= MAX_COLUMN) widths[at] = Math.max(widths[at] ?? 0, width);
      return { cell, width, at };
    }),
  );
  return measured.map((row) =>
    row
      // A column of nothing takes no room.
      .filter(({ at }) => widths[at] !== 0)
      .map(({ cell, width, at }) => cell + " ".repeat(Math.max(0, (widths[at] ?? 0) - width)))
      .join(gap)
      .trimEnd(),
  );
}

/** JSON that is safe on a terminal as well, on one line or on several. */
export function toJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  // The only control that JSON has outside of strings is the line break.
  return text.replaceAll(UNSAFE, (character) =>
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function widthOf(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text);
}
