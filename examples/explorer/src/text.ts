import { h } from "./dom.ts";

// Controls, what turns the direction of the text around it, and what has no width. The joiners of emoji and of
// Persian stay.
const UNSEEN =
  /\u034f|\u17b4|\u17b5|[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** The longest text that is shown as it is. */
const SHOWN = 160;

/** How many marks one letter may wear: with more of them it paints over its neighbours. */
const MARKS = /(\p{M}{4})\p{M}+/gu;

/** A text with what cannot be seen made visible, for where there is room for plain text only. */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, nameOf).replace(MARKS, "$1");
}

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** The beginning of a text as long as `length` letters at most, with an ellipsis where there is more. */
export function shorten(text: string, length = SHOWN): string {
  if (text.length <= length) return text;
  let end = 0;
  let count = 0;
  // What is cut first bounds the work, however long the text is.
  for (const { segment, index } of segmenter.segment(text.slice(0, length * 4))) {
    if (count === length - 1 || index + segment.length > length * 3) break;
    end = index + segment.length;
    count += 1;
  }
  return end >= text.length ? text : `${text.slice(0, end)}…`;
}

const segmenter = new Intl.Segmenter();

/** A peer's text in one line: isolated, made visible, and cut; not for itself to be read whole. */
export function peerText(text: string, length = SHOWN): HTMLElement {
  return fill(h("bdi"), shorten(text, length));
}

/** A peer's text that may be long: cut, with a button that shows all of it. */
export function wholePeerText(text: string, length = SHOWN): HTMLElement {
  if (shorten(text, length) === text) return peerText(text, length);
  return h(
    "span",
    { class: "cut" },
    peerText(text, length),
    " ",
    h(
      "button",
      { type: "button", class: "link", onclick: () => showWhole(text) },
      `Show all ${text.length.toLocaleString("en")} characters`,
    ),
  );
}

function fill(element: HTMLElement, text: string): HTMLElement {
  let last = 0;
  const short = text.replace(MARKS, "$1");
  for (const match of short.matchAll(UNSEEN)) {
    if (match.index > last) element.append(short.slice(last, match.index));
    element.append(h("span", { class: "unseen" }, nameOf(match[0])));
    last = match.index + match[0].length;
  }
  element.append(short.slice(last));
  return element;
}

/** How much of a long text is laid out at a time. */
const CHUNK = 20_000;

/** Shows a text whole, some at a time: a browser stands still over a line of a megabyte. */
function showWhole(text: string): void {
  let shown = 0;
  const body = h("div", { class: "whole", tabindex: "0", role: "region", "aria-label": "The whole text" });
  const more = h("button", { type: "button", onclick: () => grow() }, "Show more");
  const status = h("p", { class: "muted", role: "status" });
  const grow = () => {
    body.append(fill(h("bdi"), text.slice(shown, shown + CHUNK)));
    shown = Math.min(text.length, shown + CHUNK);
    status.textContent = `${shown.toLocaleString("en")} of ${text.length.toLocaleString("en")} characters`;
    more.hidden = shown === text.length;
  };
  const dialog: HTMLDialogElement = h(
    "dialog",
    { "aria-label": "The whole text", onclose: () => dialog.remove() },
    body,
    status,
    h(
      "div",
      { class: "actions" },
      more,
      h(
        "button",
        { type: "button", onclick: () => void navigator.clipboard?.writeText(text).catch(() => {}) },
        "Copy all",
      ),
      h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close"),
    ),
  );
  grow();
  document.body.append(dialog);
  dialog.showModal();
}
