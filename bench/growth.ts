import { fileURLToPath } from "node:url";
import { JsonProcess } from "../test/support/python-client.ts";
import { exponent, short } from "./figures.ts";

/** How a cost grows. */
export interface Curve {
  readonly id: string;
  readonly title: string;
  /** What the cost is. */
  readonly unit: string;
  readonly sizes: readonly number[];
}

export interface CurveResult extends Curve {
  readonly points: readonly (readonly [size: number, value: number])[];
  /** See {@link exponent}. */
  readonly exponent: number;
}

const TO_100K = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
const TO_1M = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];

export const CURVES: readonly Curve[] = [
  { id: "targets", title: "queries of as many targets, cache of 10,000", unit: "ms", sizes: TO_1M },
  {
    id: "cacheMemory",
    title: "memory after as many targets, cache of 10,000",
    unit: "MB",
    sizes: TO_1M.slice(0, 5),
  },
  { id: "features", title: "features in an answer: parse, verify", unit: "ms", sizes: TO_100K },
  { id: "items", title: "items in an answer: parse", unit: "ms", sizes: TO_100K },
  { id: "waiters", title: "waiters for one answer", unit: "ms", sizes: TO_100K },
  { id: "jids", title: "JIDs of a component: 10,000 answers", unit: "ms", sizes: TO_100K },
  { id: "announcers", title: "announcers of a hash, all asked", unit: "ms", sizes: TO_100K },
  { id: "leaving", title: "contacts that leave, one by one", unit: "ms", sizes: TO_100K },
  { id: "leavingBare", title: "the same by their bare JIDs", unit: "ms", sizes: TO_100K.slice(0, 5) },
  { id: "liars", title: "announcers of a false hash, all asked", unit: "ms", sizes: TO_100K.slice(0, 5) },
];

/** Flat and linear growth are what is asked for; what measures a little more is within the noise. */
export function verdict(exponent: number): string {
  return exponent < 0.25
    ? "flat"
    : exponent < 0.85
      ? "less than linear"
      : exponent <= 1.2
        ? "linear"
        : "more than linear";
}

/** Measures each curve in a process of its own. */
export async function growth(): Promise<CurveResult[]> {
  const results: CurveResult[] = [];
  for (const curve of CURVES) {
    const contender = await JsonProcess.run({
      ...{ name: curve.id, command: process.execPath, cwd: fileURLToPath(new URL("..", import.meta.url)) },
      args: [
        ...["--expose-gc", "--max-old-space-size=4096", "--import", "tsx"],
        ...[fileURLToPath(new URL("contender.ts", import.meta.url)), "growing", "curves", curve.id],
      ],
    });
    const points: [number, number][] = [];
    try {
      for (const size of curve.sizes)
        points.push([size, await contender.request<number>("at", { size: String(size) })]);
    } finally {
      await contender.stop();
    }
    const result = { ...curve, points, exponent: exponent(points) };
    results.push(result);
    console.log(curveText(result));
  }
  return results;
}

function curveText({ title, unit, points, exponent: power }: CurveResult): string {
  const text = points.map(([size, value]) => `${short(size)}: ${short(value)}`).join(", ");
  return `\n${title} [${unit}]: ${verdict(power)} (n^${power.toFixed(2)})\n  ${text}`;
}
