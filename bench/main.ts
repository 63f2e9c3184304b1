// Side by side: this package, what a user could pick instead, and a floor that does the least that can be done.
//
//     npm run bench                                       all rows and how cost grows; writes docs/benchmarks.md
//     npm run bench -- hash-115 verified [--rounds 15]    some rows
//     npm run bench -- growth                             how cost grows
//
// --json <file> writes all figures, --profile <folder> has the processor's time of this package in
// each row noted there, as node --cpu-prof does.
// Contenders are processes of their own that take turns, round by round, so that what else the machine does strikes all
// alike: what counts is the ratio between them. All of it stays on the loopback address.
import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { growth } from "./growth.ts";
import { writeInputs } from "./inputs.ts";
import { rawFigures, rowText, writeReport } from "./report.ts";
import { ROWS } from "./rows.ts";
import { type RowResult, runRow } from "./run.ts";

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    json: { type: "string" },
    profile: { type: "string" },
  },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new RangeError(`--rounds is a count, not ${values.rounds}`);
const unknown = positionals.find((id) => id !== "growth" && !ROWS.some((row) => row.id === id));
if (unknown !== undefined) {
  throw new RangeError(
    `there is no row ${unknown}; there are ${ROWS.map(({ id }) => id).join(", ")}, growth`,
  );
}

if (values.profile !== undefined) await mkdir(values.profile, { recursive: true });
const startedAt = performance.now();
const inputs = await writeInputs();
const rows: RowResult[] = [];
for (const row of ROWS) {
  if (positionals.length > 0 && !positionals.includes(row.id)) continue;
  const result = await runRow(row, { rounds, inputs, profiles: values.profile });
  rows.push(result);
  console.log(rowText(result));
}
const curves = positionals.length === 0 || positionals.includes("growth") ? await growth() : [];
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify(rawFigures(rows, curves), undefined, 1)}\n`);
}
if (positionals.length === 0) {
  await writeReport(rows, curves, rounds);
  console.log("docs/benchmarks.md and its pictures are written.");
}
console.log(`It took ${Math.round((performance.now() - startedAt) / 1_000)} s.`);
