// docs/benchmarks.md and its pictures.
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { drawCurves, drawRows } from "./drawing.ts";
import { median, short } from "./figures.ts";
import { type CurveResult, verdict } from "./growth.ts";
import { captures } from "./inputs.ts";
import { costOf, isReached, reachOf } from "./reach.ts";
import { CONTENDERS, type Contender, type Row } from "./rows.ts";
import type { Result, RowResult } from "./run.ts";

/** What Debian has installed. */
const STATUS = "/var/lib/dpkg/status";

const DOCS = new URL("../docs/", import.meta.url);

/** A figure with its spread. */
function figure(row: Row, { values, stanzas }: Result): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const spread = low === high ? "" : ` (${short(low)}–${short(high)})`;
  const sent = stanzas.length > 0 ? `, ${median(stanzas).toLocaleString("en")} st.` : "";
  return `${short(median(values))}${spread}${row.stanzas === undefined ? "" : sent}`;
}

/** A row as text for a terminal. */
export function rowText(result: RowResult): string {
  const { row, results } = result;
  const reach = reachOf(result);
  const lines = results.map((one) => {
    const cost = reach === undefined ? "" : `${costOf(row, one, reach).toFixed(2)} × what is to be reached`;
    return `  ${one.name.padEnd(17)} ${figure(row, one).padEnd(34)} ${cost}`;
  });
  const unable = Object.entries(row.unable).map(([name, why]) => `  ${name.padEnd(17)} ${why}`);
  const verdict = `${isReached(result) ? "reached" : "not reached"}: ${row.reach.said}`;
  return [`\n${row.id}: ${row.title} [${row.unit}]`, ...lines, ...unable, `  ${verdict}`].join("\n");
}

/** All figures, for whoever wants to do something else with them. */
export function rawFigures(rows: readonly RowResult[], curves: readonly CurveResult[]): object {
  return {
    machine: machine(),
    rows: rows.map(({ row: { id, title, unit, reach }, results }) => ({
      id,
      title,
      unit,
      reach: reach.said,
      results,
    })),
    curves,
  };
}

/** Writes docs/benchmarks.md and its pictures. */
export async function writeReport(
  rows: readonly RowResult[],
  curves: readonly CurveResult[],
  rounds: number,
): Promise<void> {
  await mkdir(new URL("pictures/", DOCS), { recursive: true });
  await writeFile(new URL("pictures/benchmarks.svg", DOCS), drawRows(rows));
  await writeFile(new URL("pictures/growth.svg", DOCS), drawCurves(curves));
  await writeFile(new URL("benchmarks.md", DOCS), page(rows, curves, rounds));
}

function page(rows: readonly RowResult[], curves: readonly CurveResult[], rounds: number): string {
  const reasons: string[] = [];
  const cell = ({ row, results }: RowResult, name: Contender) => {
    const result = results.find((one) => one.name === name);
    if (result !== undefined) return figure(row, result);
    const why = row.unable[name] ?? "does not take part";
    if (!reasons.includes(why)) reasons.push(why);
    return `– [${reasons.indexOf(why) + 1}]`;
  };
  const table = rows.map((result) =>
    [
      `${result.row.title}, ${result.row.unit}`,
      ...CONTENDERS.map((name) => cell(result, name)),
      `${result.row.reach.said}: ${isReached(result) ? "yes" : `no, ${missing(result)}`}`,
    ].join(" | "),
  );
  const growing = curves.map(({ title, unit, points, exponent }) => {
    const [first, last] = [points[0], points.at(-1)];
    const ends = [first, last].map(
      (point) => `${(point?.[0] ?? 0).toLocaleString("en")}: ${short(point?.[1] ?? 0)} ${unit}`,
    );
    return `${title} | ${ends.join(" | ")} | n^${exponent.toFixed(2)}, ${verdict(exponent)}`;
  });
  return `# Benchmarks

What a user would notice, side by side: this package, its peers (${peers().join(", ")}), a handler written by hand for
xmpp.js, and a floor: the least that can be done, without a library for discovery. Made with

    npm run bench

on ${machine()}. Each figure is the median of ${rounds} rounds with the least and the greatest behind it. The contenders are
processes of their own and take turns round by round, so that what else the machine does strikes all alike: what counts
is the ratio within a row. \`npm run bench -- <row> [--rounds n]\` repeats some rows, and \`--json <file>\` keeps all figures.

![How each contender stands to what is to be reached](pictures/benchmarks.svg)

1/s: more is better. All else: less is better. st.: stanzas sent.

| | ${CONTENDERS.join(" | ")} | reach |
| --- |${" --- |".repeat(CONTENDERS.length + 1)}
${table.map((line) => `| ${line} |`).join("\n")}

${reasons.map((why, index) => `[${index + 1}] ${why}  `).join("\n")}

## What is measured

- **Cached**: awaited one after the other. The floor is \`await map.get(jid)\`.
- **Callers at once**: one request, answered after 10 ms, which are in the figure.
- **Hashes**: of the ${captures().length} captures of capsdb in \`test/vectors\` whose SHA-1 matches, parsed before. The floor sorts, joins and hashes
  without a check.
- **XML to verified info**: the floor is to parse it, with ltx as xmpp.js does.
- **Presences**: from where they have been parsed until all contacts are known, by the processor's time. They come in
  packets of 100; a question is answered after 10 ms. The floor is a listener of xmpp.js with two Maps.
- **As a client**: behind a Prosody, 50 requests at a time, by the responder's own processor time.
- **As a component**: the bench is the server, on a loopback socket. The floor answers without reading XML.
- **Memory**: heap of Node.js, and resident memory of Python, for each of 5,000 entries with 30 features from 300.
  The floor is a Map, and each feature once. stanza keeps nothing by itself: a Map of what it parses.
- **Import**: in a fresh process that has imported \`@xmpp/client\`. A peer brings its own stream, and is there to compare.
- aioxmpp has no stream without a log-in: but for the row as a client, its questions are answered, from XML, where it
  hands them to the stream.

## What is not reached, and why

- **Presences**: by the profile (\`npm run bench -- presences --profile <folder>\`), xmpp.js takes 27 % of the time, as it does
  for the floor; garbage 20 %; lru-cache 8 %; this library 36 %, of which a half is look-ups and a half capabilities. The floor
  has two Maps that forget nobody. Here each contact is in a bounded table, moves to that of those who were asked
  for, and its information into the cache of answers; and each caller has a wait of their own.
- **Sizes**, minified and not compressed: of 67 kB for DiscoClient alone lru-cache is 19, strict-event-emitter 2, DiscoClient and its look-ups 11,
  payloads and forms 11, requests, session and errors 10, waits, services and texts 8, finding, pages and limits 6. Capabilities add 70 kB: @noble/hashes 23,
  since browsers have neither SHA-3 nor BLAKE2, nor a hash that is there at once; server and nodes 21, capabilities 25.
  8 and 15 kB are out of reach without taking things out of the API.

## How cost grows

![How cost grows](pictures/growth.svg)

n^1 is linear, n^0 flat. The exponent is that of the upper half of the sizes; the times are the processor's.
The server is in the same process: a part of the time of queries and presences is its own.

| | from | to | growth |
| --- | --- | --- | --- |
${growing.map((line) => `| ${line} |`).join("\n")}
`;
}

function missing(result: RowResult): string {
  const own = result.results.find(({ name }) => name === "xmpp-disco");
  const reach = reachOf(result);
  return own === undefined || reach === undefined
    ? "not measured"
    : `${costOf(result.row, own, reach).toFixed(1)} × that`;
}

function machine(): string {
  const models = cpus();
  return `${models.length} × ${models[0]?.model.trim() ?? "a processor"}, Node.js ${process.versions.node}`;
}

/** The peers with their versions. */
function peers(): string[] {
  const { version } = createRequire(import.meta.url)("stanza/package.json") as { version: string };
  return [`stanza ${version}`, ...["slixmpp", "aioxmpp"].map((name) => `${name} ${debianVersion(name)}`)];
}

function debianVersion(name: string): string {
  if (!existsSync(STATUS)) return "of an unknown version";
  const packages = readFileSync(STATUS, "utf8").split("\n\n");
  const found = packages.find((text) => text.startsWith(`Package: python3-${name}\n`));
  return /^Version: ([\d.]+)/m.exec(found ?? "")?.[1] ?? "of an unknown version";
}
