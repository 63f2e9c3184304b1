import { h, svg } from "./dom.ts";
import { type Model, type Question, SOURCES, type Source } from "./model.ts";
import { peerText } from "./text.ts";

const NAMES: Readonly<Record<Source, string>> = {
  cache: "Cache",
  caps: "Capabilities",
  network: "Network",
  aliased: "Shared request",
};

const MEANINGS: Readonly<Record<Source, string>> = {
  cache: "It was known already.",
  caps: "Its presence told a hash, which stands for all who run the same software.",
  network: "It had to be asked.",
  aliased: "It was being asked already: one request, many answers.",
};

const STATS: readonly (readonly [keyof Model["disco"]["stats"], string])[] = [
  ["hits", "answered at once or by what was announced"],
  ["misses", "had to be asked"],
  ["aliased", "joined a running request"],
  ["sent", "requests sent, pages of items and look-ups of hashes among them"],
  ["late", "answers that nobody waited for any more"],
  ["primed", "known from elsewhere, such as capabilities"],
  ["evicted", "forgotten for want of room"],
];

/** What a bar may stand for, in seconds. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];
const MAX_BARS = 48;
/** The least that a chart can be read at. */
const MIN_WIDTH = 280;
const PADDING = 26;
const HEIGHT = 200;
const LEFT = 36;
const BOTTOM = 24;
const LATEST = 50;

interface Bar {
  readonly from: number;
  readonly counts: Record<Source, number>;
}

/** Where answers came from, over time. */
export class AnswersView {
  readonly element: HTMLElement;
  readonly heading = h("h2", { tabindex: "-1" }, "Answers");
  readonly #model: Model;
  readonly #start = performance.now();
  readonly #summary = h("p", { class: "lead" });
  readonly #chart = h("figure", { class: "chart" });
  readonly #totals = h("tbody");
  readonly #overTime = h("tbody");
  readonly #stats = h("tbody");
  readonly #latest = h("tbody");
  #shown = -1;
  #drawnAt = 0;

  constructor(model: Model) {
    this.#model = model;
    this.element = h(
      "div",
      { class: "page" },
      this.heading,
      this.#summary,
      this.#chart,
      table("Where answers came from", ["Source", "Answers", "Share", "What it means"], this.#totals),
      h(
        "details",
        {},
        h("summary", {}, "The chart as a table"),
        table("Answers over time", ["Time", ...SOURCES.map((source) => NAMES[source])], this.#overTime),
      ),
      h(
        "details",
        {},
        h("summary", {}, `The latest ${LATEST} questions`),
        table("Latest questions", ["When", "About", "Asked for", "Answered by", "Took"], this.#latest),
      ),
      h(
        "details",
        {},
        h("summary", {}, "Counters of the library"),
        table("disco.stats", ["Counter", "Value", "Meaning"], this.#stats),
      ),
    );
  }

  /** Draws anew at most twice a second, and only when there is something new or time has passed. */
  update(): void {
    const now = performance.now();
    if (this.#shown === this.#model.logVersion && now - this.#drawnAt < 950) return;
    if (now - this.#drawnAt < 450) return;
    this.#shown = this.#model.logVersion;
    this.#drawnAt = now;
    this.#drawTotals();
    this.#drawChart(now);
    this.#drawLatest(now);
    const stats = this.#model.disco.stats;
    this.#stats.replaceChildren(
      ...STATS.map(([name, meaning]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, h("code", {}, name)),
          h("td", { class: "number" }, stats[name].toLocaleString("en")),
          h("td", {}, meaning),
        ),
      ),
    );
  }

  #drawTotals(): void {
    const { totals } = this.#model;
    const sum = SOURCES.reduce((all, source) => all + totals[source], 0);
    const free = sum - totals.network;
    this.#summary.textContent =
      sum === 0
        ? "Nothing has been asked yet."
        : `${sum.toLocaleString("en")} questions, ${free.toLocaleString("en")} of them answered without a request of their own.`;
    this.#totals.replaceChildren(
      ...SOURCES.map((source) =>
        h(
          "tr",
          {},
          h(
            "th",
            { scope: "row" },
            h("span", { class: `swatch source-${source}`, "aria-hidden": "true" }),
            NAMES[source],
          ),
          h("td", { class: "number" }, totals[source].toLocaleString("en")),
          h("td", { class: "number" }, sum === 0 ? "–" : `${Math.round((totals[source] / sum) * 100)} %`),
          h("td", {}, MEANINGS[source]),
        ),
      ),
    );
  }

  #drawChart(now: number): void {
    const { bars, step } = toBars(this.#model.log, this.#start, now);
    const peak = Math.max(
      1,
      ...bars.map(({ counts }) => SOURCES.reduce((all, source) => all + counts[source], 0)),
    );
    const top = niceCeiling(peak);
    const plotHeight = HEIGHT - BOTTOM - 10;
    // In the pixels of the page: its letters are as large as others.
    const full = Math.max(MIN_WIDTH, this.#chart.clientWidth - PADDING);
    const width = (full - LEFT) / bars.length;
    const y = (value: number) => HEIGHT - BOTTOM - (value / top) * plotHeight;
    const shapes: SVGElement[] = [];
    for (const value of [0, top / 2, top]) {
      if (!Number.isInteger(value)) continue;
      shapes.push(
        svg("line", { x1: LEFT, x2: full, y1: y(value), y2: y(value), class: "grid" }),
        svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, value.toLocaleString("en")),
      );
    }
    for (const [index, { counts }] of bars.entries()) {
      let below = 0;
      for (const source of SOURCES) {
        const count = counts[source];
        if (count === 0) continue;
        const height = Math.max(1.5, (count / top) * plotHeight - 1);
        shapes.push(
          svg("rect", {
            x: LEFT + index * width + 1,
            y: y(below) - height,
            width: Math.max(1, Math.min(width - 2, 40)),
            height,
            class: `source-${source}`,
          }),
        );
        below += count;
      }
    }
    const span = bars.length * step;
    shapes.push(
      svg("text", { x: LEFT, y: HEIGHT - 4 }, `${duration(span)} ago`),
      svg("text", { x: full, y: HEIGHT - 4, "text-anchor": "end" }, "now"),
    );
    const { totals } = this.#model;
    const label = `Answers over the last ${duration(span)}, ${duration(step)} a bar: ${SOURCES.map((source) => `${NAMES[source]} ${totals[source]}`).join(", ")}`;
    this.#chart.replaceChildren(
      svg("svg", { viewBox: `0 0 ${full} ${HEIGHT}`, role: "img", "aria-label": label }, ...shapes),
      h("figcaption", { class: "muted" }, `Questions by where the answer came from, ${duration(step)} a bar`),
    );
    this.#overTime.replaceChildren(
      ...bars
        .filter(({ counts }) => SOURCES.some((source) => counts[source] > 0))
        .reverse()
        .map(({ from, counts }) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, clock(from)),
            ...SOURCES.map((source) => h("td", { class: "number" }, counts[source].toLocaleString("en"))),
          ),
        ),
    );
  }

  #drawLatest(now: number): void {
    const rows = this.#model.log.slice(-LATEST).reverse();
    this.#latest.replaceChildren(
      ...rows.map(({ at, thing, kind, source, duration: took, failed }) =>
        h(
          "tr",
          {},
          h("td", {}, `${duration((now - at) / 1_000)} ago`),
          h("td", {}, peerText(thing.node === undefined ? thing.jid : `${thing.jid} ${thing.node}`, 60)),
          h("td", {}, kind === "info" ? "what it is" : "its items"),
          h("td", {}, failed ? `${NAMES[source]}, failed` : NAMES[source]),
          h("td", { class: "number" }, took === undefined ? "…" : `${took.toFixed(took < 10 ? 1 : 0)} ms`),
        ),
      ),
    );
  }
}

function toBars(log: readonly Question[], start: number, now: number): { bars: Bar[]; step: number } {
  const elapsed = Math.max(20, (now - start) / 1_000);
  const step = STEPS.find((seconds) => elapsed / seconds <= MAX_BARS) ?? (STEPS.at(-1) as number);
  const count = Math.min(MAX_BARS, Math.ceil(elapsed / step));
  const end = Math.ceil(now / 1_000 / step) * step;
  const first = end - count * step;
  const bars: Bar[] = Array.from({ length: count }, (_, index) => ({
    from: (first + index * step) * 1_000,
    counts: { cache: 0, caps: 0, network: 0, aliased: 0 },
  }));
  for (const { at, source } of log) {
    const bar = bars[Math.floor((at / 1_000 - first) / step)];
    if (bar !== undefined) bar.counts[source] += 1;
  }
  return { bars, step };
}

function niceCeiling(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 4, 6, 8, 10].find((candidate) => candidate * unit >= value) ?? 10;
  return Math.max(2, factor * unit);
}

function duration(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 6_000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

function clock(at: number): string {
  return new Date(performance.timeOrigin + at).toLocaleTimeString("en", { hour12: false });
}

function table(label: string, columns: readonly string[], body: HTMLTableSectionElement): HTMLElement {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      {},
      h("caption", { class: "sr-only" }, label),
      h("thead", {}, h("tr", {}, ...columns.map((column) => h("th", { scope: "col" }, column)))),
      body,
    ),
  );
}
