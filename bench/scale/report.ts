// What docs/scale.md says of a run, and its picture.
import { cpus, loadavg } from "node:os";
import * as component from "./component.ts";
import * as contacts from "./contacts.ts";
import { type Shown, total } from "./figures.ts";
import * as fleet from "./fleet.ts";
import * as room from "./room.ts";

/** What a scenario has shown, by variant. */
export type Results = Readonly<Record<string, Shown>>;

/** A scenario and how it is told. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** The variants in the order of the table, with what they are. */
  readonly variants: Readonly<Record<string, string>>;
  /** How many processes do a part each, at once. */
  readonly parts: number;
  /** How often it is run; the one in the middle by the processor's time counts. */
  readonly rounds: number;
  readonly needsRedis: boolean;
  /** What the table does not say. */
  tell(results: Results): readonly string[];
}

const count = (value: number) => Math.round(value).toLocaleString("en");
const seconds = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} s`;
const percent = (value: number) => `${(100 * value).toFixed(value < 0.1 || value > 0.99 ? 1 : 0)} %`;

/** Bytes in three digits. */
function bytes(value: number): string {
  const [scaled, unit] =
    value >= 1e9 ? [value / 1e9, "GB"] : value >= 1e6 ? [value / 1e6, "MB"] : [value / 1e3, "kB"];
  return `${scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)} ${unit}`;
}

const WITH = "with capabilities";
const WITHOUT = "without";

export const SCENARIOS: readonly Scenario[] = [
  {
    id: "contacts",
    title: `A user with ${count(contacts.CONTACTS)} contacts`,
    variants: { caps: WITH, none: WITHOUT },
    ...{ parts: 1, rounds: 3, needsRedis: false },
    tell: ({ caps }) => {
      const { kinds = 0, strays = 0, updated = 0 } = caps?.notes ?? {};
      return [
        `The contacts use ${count(kinds)} kinds; ${count(strays)} of them one whose hash helps nobody. ${count(updated)} have the update.`,
      ];
    },
  },
  {
    id: "room",
    title: `A room with ${count(room.OCCUPANTS)} occupants`,
    variants: { caps: WITH, none: WITHOUT, defaults: "with capabilities, `maxJids` left at 10,000" },
    ...{ parts: 1, rounds: 1, needsRedis: false },
    tell: ({ caps, none }) => {
      const { kinds = 0, strays = 0 } = caps?.notes ?? {};
      const [joined, joinedWithout] = [caps?.stages[0], none?.stages[0]];
      const announced = (joined?.bytes ?? 0) - (joinedWithout?.bytes ?? 0);
      return [
        `All ${count(kinds)} kinds are there; ${count(strays)} of the ${count(room.OCCUPANTS + room.CHURN)} who were there in all use one whose hash helps nobody.`,
        `The hashes in the presences are ${bytes(announced)} (${Math.round(announced / room.OCCUPANTS)} bytes each): who asks nobody pays that for nothing.`,
        `An occupant costs ${bytes((caps?.memory ?? 0) / room.OCCUPANTS)} of memory, without capabilities ${bytes((none?.memory ?? 0) / room.OCCUPANTS)}.`,
      ];
    },
  },
  {
    id: "component",
    title: `A component with ${count(component.JIDS)} JIDs`,
    variants: { caps: WITH, none: WITHOUT },
    ...{ parts: 1, rounds: 1, needsRedis: false },
    tell: ({ caps, trees }) => {
      const { asked = 0, strays = 0, pairs = 0 } = caps?.notes ?? {};
      const { first = 0, second = 0 } = trees?.notes ?? {};
      return [
        `The ${count(component.USERS)} users have ${count(pairs)} contacts, ${count(asked)} different JIDs; ${count(strays)} of the contacts have a kind whose hash helps nobody.`,
        `A tree for each JID (\`entity\`) costs ${bytes(first)} a JID in the first ${count(component.TREES)} and ${bytes(second)} in the next: ` +
          `for all, ${bytes(second * component.JIDS)} (scaled, not measured). With one handler the whole component keeps ${bytes(caps?.memory ?? 0)}.`,
      ];
    },
  },
  {
    id: "fleet",
    title: `A fleet of ${count(fleet.PROCESSES * fleet.BOTS)} bots`,
    variants: {
      caps: "with capabilities, a cache each, over Redis",
      none: WITHOUT,
      alone: "with capabilities, a cache each",
      process: "with capabilities, a cache for each process, over Redis",
    },
    ...{ parts: fleet.PROCESSES, rounds: 1, needsRedis: true },
    tell: (results) => {
      const { pairs = 0, strays = 0 } = results["caps"]?.notes ?? {};
      const lines = [
        `A bot's ${fleet.CONTACTS} contacts have ${count(pairs / fleet.BOTS / fleet.PROCESSES)} kinds on average; ${count(strays)} of all contacts have one whose hash helps nobody.`,
      ];
      for (const [name, what] of [
        ["caps", "A cache each"],
        ["process", "A cache for each process"],
      ] as const) {
        const {
          gets = 0,
          found = 0,
          late = 0,
          sets = 0,
          commands = 0,
          keys = 0,
          redisMemory = 0,
          redisBytes = 0,
          redisCpu = 0,
        } = results[name]?.notes ?? {};
        lines.push(
          `${what}: Redis is asked ${count(gets)} times, has it ${count(found)} times (${percent(found / gets)}), answers ${count(late)} times later than the library waits, and is told ${count(sets)} times. ` +
            `It counts ${count(commands)} commands, which cost it ${seconds(redisCpu)}, and keeps ${count(keys)} keys in ${bytes(redisMemory)}; ${bytes(redisBytes)} go there and back.`,
        );
      }
      const { unbounded = 0, bounded = 0 } = results["empty"]?.notes ?? {};
      lines.push(
        `A bot that knows nobody yet takes ${bytes(unbounded / fleet.PROCESSES)} with the defaults of \`infoCacheSize\` and \`maxJids\`, ` +
          `${bytes(bounded / fleet.PROCESSES)} with room for ${fleet.ROOM} entities, as above: tables take their memory at once.`,
      );
      return lines;
    },
  },
];

/** Variants that are measured and stand in no table. */
export const ASIDE: Readonly<Record<string, readonly string[]>> = {
  component: ["trees"],
  fleet: ["empty"],
};

/** The tables of a scenario: what each stage cost in each variant, and what else there is to tell. */
export function scenarioText(scenario: Scenario, results: Results): string {
  const rows: string[] = [];
  const row = (cells: readonly string[]) => rows.push(`| ${cells.join(" | ")} |`);
  row(["", "questions", "stanzas", "bytes", "CPU", "memory"]);
  row(["---", "---:", "---:", "---:", "---:", "---:"]);
  for (const [name, title] of Object.entries(scenario.variants)) {
    const { stages = [], memory } = results[name] ?? {};
    const all = total(stages);
    row([
      `**${title}**`,
      ...figures(all).map((cell) => `**${cell}**`),
      memory === undefined ? "" : `**${bytes(memory)}**`,
    ]);
    if (stages.length > 1) for (const stage of stages) row([stage.name, ...figures(stage), ""]);
  }
  return [...rows, "", ...scenario.tell(results).map((line) => `- ${line}`)].join("\n");
}

const figures = (cost: ReturnType<typeof total>) => [
  count(cost.questions),
  count(cost.stanzas),
  bytes(cost.bytes),
  seconds(cost.cpu),
];

/** What capabilities save in each scenario. */
export function savingsText(all: ReadonlyMap<Scenario, Results>): string {
  const rows = [
    "| | questions with, without | stanzas saved | bytes saved | CPU saved | memory with, without |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const [{ title }, { caps, none }] of all) {
    const [one, other] = [total(caps?.stages ?? []), total(none?.stages ?? [])];
    const saved = (of: (cost: typeof one) => number) => percent(1 - of(one) / of(other));
    rows.push(
      `| ${title} | ${count(one.questions)}, ${count(other.questions)} | ${count(other.stanzas - one.stanzas)} (${saved(({ stanzas }) => stanzas)}) ` +
        `| ${bytes(other.bytes - one.bytes)} (${saved((cost) => cost.bytes)}) | ${saved(({ cpu }) => cpu)} ` +
        `| ${bytes(caps?.memory ?? 0)}, ${bytes(none?.memory ?? 0)} |`,
    );
  }
  return rows.join("\n");
}

export function machine(load: number): string {
  const models = cpus();
  return `${models.length} × ${models[0]?.model.trim() ?? "a processor"}, Node.js ${process.versions.node}, load ${load.toFixed(1)} at the start`;
}

export const loadNow = () => loadavg()[0] ?? 0;

/** A page with what is between the markers of a name replaced. */
export function between(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/scale.md has no ${start}`);
  return `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`;
}

const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600 } .small { font-size: 11px; fill: #57606a }
.with { fill: #0969da } .without { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .with { fill: #58a6ff } .without { fill: #484f58 }
}
</style>`;

/** Each scenario's four costs, with capabilities above and without below. */
export function draw(all: ReadonlyMap<Scenario, Results>): string {
  const [column, height, top] = [225, 104, 52];
  const parts = [
    '<rect class="with" x="10" y="14" width="12" height="12"/><text x="28" y="24">with capabilities</text>',
    '<rect class="without" x="160" y="14" width="12" height="12"/><text x="178" y="24">without</text>',
    `<text class="small" x="${4 * column}" y="24" text-anchor="end">shorter is better; each pair has a scale of its own</text>`,
  ];
  let y = top;
  for (const [{ title }, { caps, none }] of all) {
    parts.push(`<text class="head" x="10" y="${y + 12}">${title}</text>`);
    const [one, other] = [total(caps?.stages ?? []), total(none?.stages ?? [])];
    const panels = [
      ["stanzas", one.stanzas, other.stanzas, count],
      ["bytes on the wire", one.bytes, other.bytes, bytes],
      ["CPU", one.cpu, other.cpu, seconds],
      ["memory", caps?.memory ?? 0, none?.memory ?? 0, bytes],
    ] as const;
    for (const [index, [name, withCaps, without, said]] of panels.entries()) {
      const x = 10 + index * column;
      parts.push(`<text class="small" x="${x}" y="${y + 32}">${name}</text>`);
      for (const [line, value] of [withCaps, without].entries()) {
        const width = Math.max(1, Math.round((value / Math.max(withCaps, without)) * (column - 85)));
        const at = y + 40 + line * 20;
        parts.push(
          `<rect class="${line === 0 ? "with" : "without"}" x="${x}" y="${at}" width="${width}" height="14"/>`,
          `<text class="small" x="${x + width + 5}" y="${at + 11}">${said(value)}</text>`,
        );
      }
    }
    y += height;
  }
  const name = "What capabilities save, in four scenarios";
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${4 * column + 10} ${y}" role="img" aria-label="${name}">\n` +
    `<title>${name}</title>\n${STYLE}\n${parts.join("\n")}\n</svg>\n`
  );
}
