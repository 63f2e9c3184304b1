// docs/soak.md and its picture.
import { cpus } from "node:os";
import { median, short } from "../figures.ts";
import type { Counts } from "./load.ts";

/** What was measured at one time, after garbage was collected. */
export interface Sample {
  /** Since the start. */
  readonly seconds: number;
  /** In bytes, with what is outside of it. */
  readonly heap: number;
  readonly rss: number;
  /** Seconds of the processor since the start. */
  readonly cpu: number;
  readonly sockets: number;
  readonly timers: number;
  /** All that keeps the process alive, those two included. */
  readonly resources: number;
  /** Of the client under load. */
  readonly listeners: number;
  /** Of the event loop since the sample before, in milliseconds. */
  readonly delay: Readonly<Record<"mean" | "p50" | "p99" | "max", number>>;
  /** How many hashes the client's cache knows. */
  readonly caps: number;
  readonly stats: Readonly<Record<"hits" | "misses" | "aliased" | "sent" | "late" | "evicted", number>>;
  readonly asked: number;
  readonly presences: number;
  readonly told: number;
}

/** A whole run. */
export interface Soak {
  readonly minutes: number;
  readonly seed: number;
  readonly samples: readonly Sample[];
  readonly counts: Counts;
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
  /** Sockets of the proxy that Node.js could neither reset nor close. */
  readonly socketsLost: number;
}

/** What is judged, and what is said of it. */
export interface Verdict {
  readonly what: string;
  readonly said: string;
  readonly isFlat: boolean;
}

const MB = 1e6;
/** The minutes of the run that caches fill in and code is compiled in: a fifth, but six at least where there are twelve. */
const warmUp = ({ minutes }: Soak) => Math.min(minutes / 2, Math.max(6, minutes / 5));
/** How much of its mean a curve may rise in an hour to be called flat. */
const TOLERANCE = 0.05;

/** A line through points by least squares. */
interface Line {
  readonly mean: number;
  /** In an hour. */
  readonly slope: number;
  /** The standard error of the slope. */
  readonly error: number;
}

function lineThrough(samples: readonly Sample[], of: (sample: Sample) => number): Line {
  const points = samples.map((sample) => [sample.seconds / 3_600, of(sample)] as const);
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const mean = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - mean), 0) / variance;
  const rest = points.reduce((sum, [x, y]) => sum + (y - mean - slope * (x - meanX)) ** 2, 0);
  return { mean, slope, error: Math.sqrt(rest / Math.max(1, n - 2) / variance) };
}

const warm = (soak: Soak) => soak.samples.filter(({ seconds }) => seconds >= warmUp(soak) * 60);

/** Whether heap, resident memory, handles and delay are flat after the warm-up. */
export function verdicts(soak: Soak): Verdict[] {
  const samples = warm(soak);
  const judged: readonly [what: string, unit: string, scale: number, of: (sample: Sample) => number][] = [
    ["heap in use after garbage collection", "MB", MB, ({ heap }) => heap],
    ["resident memory", "MB", MB, ({ rss }) => rss],
    ["active resources", "", 1, ({ resources }) => resources],
    ["listeners of the client", "", 1, ({ listeners }) => listeners],
    ["delay of the event loop, median", "ms", 1, ({ delay }) => delay.p50],
  ];
  return judged.map(([what, unit, scale, of]) => {
    const { mean, slope, error } = lineThrough(samples, (sample) => of(sample) / scale);
    const values = samples.map((sample) => of(sample) / scale);
    const digits = unit === "" ? 1 : 2;
    const range = `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;
    return {
      what,
      said: `${mean.toFixed(digits)} ${unit} (${range}) | ${slope >= 0 ? "+" : ""}${slope.toFixed(2)} ± ${error.toFixed(2)} ${unit} an hour`,
      isFlat: slope - 2 * error < TOLERANCE * mean,
    };
  });
}

/** A sample as a line for a terminal. */
export function summary(sample: Sample): string {
  const { seconds, heap, rss, resources, listeners, delay, caps, asked, stats, told, presences } = sample;
  return [
    `${seconds.toFixed(0).padStart(5)} s`,
    `heap ${(heap / MB).toFixed(1)} MB`,
    `rss ${(rss / MB).toFixed(0)} MB`,
    `${resources} resources`,
    `${listeners} listeners`,
    `delay ${delay.p50}/${delay.p99}/${delay.max} ms`,
    `${caps} hashes`,
    `${asked} asked, ${stats.sent} sent, ${told} told, ${presences} presences`,
  ].join("  ");
}

/** How many answers were wrong. */
export function wrongOf({ wrong }: Counts): number {
  return Object.values(wrong).reduce((sum, count) => sum + count, 0);
}

/** The page that tells of a run. */
export function page(soak: Soak): string {
  const { samples, counts, minutes, seed, before, after, socketsLost } = soak;
  const last = samples.at(-1);
  const seconds = last?.seconds ?? 1;
  const rate = (count: number) => `${short(count)} (${short(count / seconds)} a second)`;
  const list = (record: Readonly<Record<string, number>>) =>
    Object.entries(record)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `| ${name} | ${count.toLocaleString("en")} |`)
      .join("\n");
  const { hits, misses, aliased, sent, late, evicted } = last?.stats ?? {};
  const resources = (record: Readonly<Record<string, number>>) =>
    Object.entries(record)
      .map(([name, count]) => `${count} ${name}`)
      .join(", ") || "none";
  const miscounted = Object.entries(counts.ended)
    .filter(([text]) => text.includes("Client acknowledged"))
    .reduce((sum, [, times]) => sum + times, 0);
  const judged = verdicts(soak).map(
    ({ what, said, isFlat }) => `| ${what} | ${said} | ${isFlat ? "flat" : "not flat"} |`,
  );
  const delays = warm(soak).map(({ delay }) => delay);
  return `# A long run

${minutes} minutes at full load: does anything grow? Made with

    npm run soak

on ${cpus().length} × ${cpus()[0]?.model.trim() ?? "a processor"}, Node.js ${process.versions.node}; seed ${seed}. The
figures of all ${samples.length} samples are in [soak.jsonl](soak.jsonl). \`npm run soak -- --minutes 5 --out <folder>\` makes a
shorter one.

![The curves of the run](pictures/soak.svg)

| after the warm-up | mean (least–greatest) | slope, with its standard error | |
| --- | --- | --- | --- |
${judged.join("\n")}

The warm-up is the first ${warmUp(soak)} minutes of the run, in which the caches fill. Flat: the line through the samples (least squares)
rises by less than ${TOLERANCE * 100} % of the mean in an hour, as far as twice the error of its slope lets one tell. The event loop's 99th percentile was ${median(delays.map(({ p99 }) => p99))} ms in the
median sample; the longest delay ${Math.max(...delays.map(({ max }) => max))} ms, collections of garbage that were forced included.

## The load

One process has the client under load, four other clients and a component with 2,000 contacts, all behind one Prosody.
48 look-ups of the client are under way at any time; presences announce software that changes all the time; the
others ask the client, its nodes and its handlers; features and nodes come and go. Every 15 seconds something breaks in
turn: the connection is cut and the stream resumes, the client begins a new session, another client does. The processor
was busy with it for ${Math.round((100 * (last?.cpu ?? 0)) / seconds)} % of the time, besides that of Prosody.

xmpp.js 0.14 keeps each stanza until the server has acknowledged it, and asks for that when nothing was sent for 250 ms:
never, under such a load. So the load asks itself, four times a second. An \`<r/>\` that comes in the same bytes as
\`<enabled/>\` it answers with the count of the stream before; Prosody ends such a stream, and a new session begins.

| | |
| --- | --- |
| look-ups | ${rate(last?.asked ?? 0)} |
| requests sent | ${rate(sent ?? 0)} |
| look-ups answered from the caches, joined to a running request, sent | ${[hits, aliased, misses].map((count) => short(count ?? 0)).join(", ")} |
| answers that came too late; entries that went because a cache was full | ${short(late ?? 0)}; ${short(evicted ?? 0)} |
| hashes in the cache at the end, of 1,000 at the most | ${last?.caps ?? 0} |
| requests of others answered | ${rate(last?.told ?? 0)} |
| presences received | ${rate(last?.presences ?? 0)} |
| breaks; streams resumed; new sessions of the client | ${counts.cuts}; ${counts.resumed}; ${counts.sessions} |
| streams on which Prosody heard nothing after they had resumed | ${counts.deaf} |
| streams that Prosody ended because xmpp.js had miscounted | ${miscounted} |
| **wrong answers** | **${wrongOf(counts)}** |
| what kept the process alive before the run, and after it | ${resources(before)}; ${resources(after)} |
| sockets of the proxy between that Node.js lost: one that fails while it is reset is not closed | ${socketsLost} |

Every answer was compared with what had to come. Look-ups by kind:

| kind | ended |
| --- | --- |
${list(counts.asked)}

Those that failed, as they had to: "too late" and "never" in a timeout, "given up" by its signal, "refused" by the peer,
and what was under way when a session ended.

| failure | times |
| --- | --- |
${list(counts.failed)}
`;
}

const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.small { font-size: 11px; fill: #57606a }
.grid { stroke: #d0d7de; stroke-width: 1 }
.warm { fill: #d0d7de; opacity: 0.35 }
.a { fill: none; stroke: #0969da; stroke-width: 1.5 } .b { fill: none; stroke: #bc4c00; stroke-width: 1.5 }
.ka { fill: #0969da } .kb { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #3d444d } .warm { fill: #3d444d }
.a { stroke: #58a6ff } .b { stroke: #f0883e } .ka { fill: #58a6ff } .kb { fill: #f0883e }
}
</style>`;

interface Curve {
  readonly name: string;
  readonly of: (sample: Sample, previous: Sample | undefined) => number;
}

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly curves: readonly Curve[];
}

/** What happened in each second between two samples. */
const perSecond =
  (of: (sample: Sample) => number): Curve["of"] =>
  (sample, previous) =>
    (of(sample) - (previous === undefined ? 0 : of(previous))) / (sample.seconds - (previous?.seconds ?? 0));

const PANELS: readonly Panel[] = [
  {
    title: "Memory",
    unit: "MB",
    curves: [
      { name: "heap after garbage collection", of: ({ heap }) => heap / MB },
      { name: "resident", of: ({ rss }) => rss / MB },
    ],
  },
  {
    title: "Handles",
    unit: "",
    curves: [
      { name: "active resources", of: ({ resources }) => resources },
      { name: "listeners of the client", of: ({ listeners }) => listeners },
    ],
  },
  {
    title: "Delay of the event loop",
    unit: "ms",
    curves: [
      { name: "median", of: ({ delay }) => delay.p50 },
      { name: "99th percentile", of: ({ delay }) => delay.p99 },
    ],
  },
  {
    title: "Caches",
    unit: "",
    curves: [
      { name: "hashes in the cache", of: ({ caps }) => caps },
      { name: "entries evicted a second", of: perSecond(({ stats }) => stats.evicted) },
    ],
  },
  {
    title: "Load",
    unit: "a second",
    curves: [
      { name: "look-ups", of: perSecond(({ asked }) => asked) },
      { name: "requests sent", of: perSecond(({ stats }) => stats.sent) },
    ],
  },
];

const round = (value: number) => Math.round(value * 10) / 10;

/** A panel for each of what is measured, over the minutes of the run. */
export function drawSoak(soak: Soak): string {
  const [width, height] = [460, 210];
  const panels = PANELS.map((panel, index) => {
    const [x, y] = [(index % 2) * width, Math.floor(index / 2) * height];
    return `<g transform="translate(${x} ${y})">\n${drawPanel(panel, soak, width, height)}\n</g>`;
  });
  const title = `${soak.minutes} minutes at full load`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * width} ${Math.ceil(PANELS.length / 2) * height}" role="img" ` +
    `aria-label="${title}">\n<title>${title}</title>\n${STYLE}\n${panels.join("\n")}\n</svg>\n`
  );
}

function drawPanel({ title, unit, curves }: Panel, soak: Soak, width: number, height: number): string {
  const { samples, minutes } = soak;
  const [left, right, top, bottom] = [56, width - 20, 48, height - 28];
  const drawn = curves.map(({ of }) => samples.map((sample, index) => of(sample, samples[index - 1])));
  const greatest = Math.max(...drawn.flat(), 1e-9);
  const step = niceStep(greatest / 4);
  const end = Math.ceil(greatest / step) * step;
  const x = (seconds: number) => round(left + (seconds / (minutes * 60)) * (right - left));
  const y = (value: number) => round(bottom - (value / end) * (bottom - top));
  const parts = [
    `<text x="10" y="18">${title}${unit === "" ? "" : `, ${unit}`}</text>`,
    `<rect class="warm" x="${left}" y="${top}" width="${round(((right - left) * warmUp(soak)) / minutes)}" height="${bottom - top}"/>`,
  ];
  for (let value = 0; value <= end + step / 2; value += step) {
    const label = Number(value.toPrecision(6)).toLocaleString("en");
    parts.push(
      `<line class="grid" x1="${left}" y1="${y(value)}" x2="${right}" y2="${y(value)}"/>`,
      `<text class="small" x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${label}</text>`,
    );
  }
  const minuteStep = niceStep(minutes / 6);
  for (let minute = 0; minute <= minutes + 1e-9; minute += minuteStep) {
    const unitLabel = minute === 0 ? "0 min" : Number(minute.toPrecision(6));
    parts.push(
      `<text class="small" x="${x(minute * 60)}" y="${bottom + 16}" text-anchor="middle">${unitLabel}</text>`,
    );
  }
  let key = 10;
  for (const [index, { name }] of curves.entries()) {
    const colour = index === 0 ? "a" : "b";
    const points = samples.map(
      ({ seconds }, at) => `${x(Math.min(seconds, minutes * 60))},${y(drawn[index]?.[at] ?? 0)}`,
    );
    parts.push(
      `<polyline class="${colour}" points="${points.join(" ")}"/>`,
      `<rect class="k${colour}" x="${key}" y="29" width="12" height="4"/>`,
      `<text class="small" x="${key + 17}" y="36">${name}</text>`,
    );
    key += 40 + name.length * 6;
  }
  return parts.join("\n");
}

/** The least of 1, 2 and 5 with noughts that is not below. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((factor) => factor * power >= least * 0.999) ?? 10) * power;
}
