// Pictures as SVG, by hand: what they show is simple, and they are to be read on white and on black.

import { short } from "./figures.ts";
import type { CurveResult } from "./growth.ts";
import { verdict } from "./growth.ts";
import { costOf, reachOf } from "./reach.ts";
import { CONTENDERS, type Contender } from "./rows.ts";
import type { RowResult } from "./run.ts";

const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.small { font-size: 11px; fill: #57606a }
.grid { stroke: #d0d7de; stroke-width: 1 }
.goal { stroke: #24292f; stroke-width: 1.5 }
.line { fill: none; stroke: #0969da; stroke-width: 2 }
.ideal { fill: none; stroke: #8c959f; stroke-width: 1; stroke-dasharray: 4 3 }
.c0 { fill: #0969da } .c1 { fill: #57606a } .c2 { fill: #bc4c00 } .c3 { fill: #1a7f37 } .c4 { fill: #8250df } .c5 { fill: #bf3989 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #3d444d } .goal { stroke: #e6edf3 }
.line { stroke: #58a6ff }
.c0 { fill: #58a6ff } .c1 { fill: #9198a1 } .c2 { fill: #f0883e } .c3 { fill: #3fb950 } .c4 { fill: #bc8cff } .c5 { fill: #f778ba }
}
</style>`;

/** A shape and a colour for each contender: who cannot tell the one has the other. */
function mark(name: Contender, x: number, y: number): string {
  const index = CONTENDERS.indexOf(name);
  const shapes = [
    `<circle cx="${x}" cy="${y}" r="6"`,
    `<rect x="${x - 1.5}" y="${y - 7}" width="3" height="14"`,
    `<rect x="${x - 4.5}" y="${y - 4.5}" width="9" height="9"`,
    `<path d="M${x} ${y - 6} l6 10 h-12 z"`,
    `<path d="M${x} ${y + 6} l6 -10 h-12 z"`,
    `<path d="M${x} ${y - 6} l6 6 l-6 6 l-6 -6 z"`,
  ];
  return `${shapes[index]} class="c${index}"/>`;
}

const picture = (width: number, height: number, title: string, parts: readonly string[]) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${quoted(title)}">\n` +
  `<title>${quoted(title)}</title>\n${STYLE}\n${parts.join("\n")}\n</svg>\n`;

const quoted = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const round = (value: number) => Math.round(value * 10) / 10;

/** For each row where the contenders stand, in times what this package is to reach. */
export function drawRows(rows: readonly RowResult[]): string {
  const [left, width, lineHeight, top] = [400, 920, 28, 70];
  const costs = rows.map((result) => {
    const reach = reachOf(result) ?? Number.NaN;
    return result.results.map((one) => ({ name: one.name, cost: costOf(result.row, one, reach) }));
  });
  const all = costs.flat().map(({ cost }) => cost);
  const [low, high] = [
    Math.log10(Math.min(0.1, ...all.filter((cost) => cost > 1e-3))),
    Math.log10(Math.max(10, ...all)),
  ];
  const at = (cost: number) =>
    round(left + ((Math.max(Math.log10(cost), low) - low) / (high - low)) * (width - left - 20));
  const bottom = top + rows.length * lineHeight;
  const parts: string[] = [];
  for (let power = Math.ceil(low); power <= high; power++) {
    const x = at(10 ** power);
    parts.push(
      `<line class="${power === 0 ? "goal" : "grid"}" x1="${x}" y1="${top - 10}" x2="${x}" y2="${bottom}"/>`,
    );
    const label = power === 0 ? "to be reached" : `${power < 0 ? `1/${10 ** -power}` : 10 ** power} ×`;
    parts.push(`<text class="small" x="${x}" y="${top - 16}" text-anchor="middle">${label}</text>`);
  }
  for (const [index, { row }] of rows.entries()) {
    const y = top + index * lineHeight + lineHeight / 2;
    parts.push(`<text x="10" y="${y + 4}">${quoted(row.title)}</text>`);
    // This package's own on top.
    for (const { name, cost } of [...(costs[index] ?? [])].reverse()) parts.push(mark(name, at(cost), y));
  }
  let x = 10;
  for (const name of CONTENDERS) {
    parts.push(mark(name, x + 6, 20), `<text x="${x + 18}" y="24">${name}</text>`);
    x += 40 + name.length * 7;
  }
  parts.push(
    `<text class="small" x="${width - 10}" y="24" text-anchor="end">left is better; logarithmic</text>`,
  );
  return picture(width, bottom + 10, "How each contender stands to what is to be reached", parts);
}

/** Each curve in a panel with logarithmic axes, and a dashed line that grows linearly. */
export function drawCurves(curves: readonly CurveResult[]): string {
  const [columns, panelWidth, panelHeight] = [2, 460, 230];
  const parts = curves.map((curve, index) => {
    const [x, y] = [(index % columns) * panelWidth, Math.floor(index / columns) * panelHeight];
    return `<g transform="translate(${x} ${y})">\n${panel(curve, panelWidth, panelHeight)}\n</g>`;
  });
  const height = Math.ceil(curves.length / columns) * panelHeight;
  return picture(columns * panelWidth, height, "How cost grows", parts);
}

function panel({ title, unit, points, exponent }: CurveResult, width: number, height: number): string {
  const [left, right, top, bottom] = [60, width - 20, 44, height - 28];
  const sizes = points.map(([size]) => Math.log10(size));
  const values = points.map(([, value]) => Math.log10(Math.max(value, 1e-3)));
  const [fromX, toX] = [Math.min(...sizes), Math.max(...sizes)];
  const [fromY, toY] = [Math.floor(Math.min(...values)), Math.ceil(Math.max(...values))];
  const x = (log: number) => round(left + ((log - fromX) / (toX - fromX)) * (right - left));
  const y = (log: number) => round(bottom - ((log - fromY) / Math.max(1, toY - fromY)) * (bottom - top));
  const parts = [
    `<text x="10" y="18">${quoted(title)}</text>`,
    `<text class="small" x="10" y="34">${unit}; n^${exponent.toFixed(2)}, ${verdict(exponent)}</text>`,
  ];
  for (let power = fromY; power <= Math.max(toY, fromY + 1); power++) {
    parts.push(`<line class="grid" x1="${left}" y1="${y(power)}" x2="${right}" y2="${y(power)}"/>`);
    parts.push(
      `<text class="small" x="${left - 6}" y="${y(power) + 4}" text-anchor="end">${label(power)}</text>`,
    );
  }
  for (let power = Math.ceil(fromX); power <= toX; power++) {
    parts.push(
      `<text class="small" x="${x(power)}" y="${bottom + 16}" text-anchor="middle">${label(power)}</text>`,
    );
  }
  // Linear growth that ends where the curve ends, as far as the panel goes.
  const last = values.at(-1) ?? 0;
  const reaches = Math.min(toX - fromX, last - fromY);
  parts.push(`<path class="ideal" d="M${x(toX)} ${y(last)} L${x(toX - reaches)} ${y(last - reaches)}"/>`);
  const path = sizes.map((size, index) => `${index === 0 ? "M" : "L"}${x(size)} ${y(values[index] ?? 0)}`);
  parts.push(`<path class="line" d="${path.join(" ")}"/>`);
  for (const [index, size] of sizes.entries()) {
    parts.push(`<circle class="c0" cx="${x(size)}" cy="${y(values[index] ?? 0)}" r="3"/>`);
  }
  return parts.join("\n");
}

const label = (power: number) =>
  power < 0 ? String(10 ** power) : short(10 ** power).replace(/\.0+(?= |$)/, "");
