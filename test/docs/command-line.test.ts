import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EXIT, EXIT_MEANINGS } from "../../src/cli/exit-codes.ts";
import { readTranscripts, Town } from "./transcripts.ts";

const ROOT = new URL("../../", import.meta.url);
const COMMAND = fileURLToPath(new URL("dist/cli/main.js", ROOT));
const PATIENCE = 60_000;

const guide = readFileSync(new URL("docs/guides/command-line.md", ROOT), "utf8");
const transcripts = readTranscripts(guide);

/** What the guide says of itself in tables and text: without its blocks of code. */
const prose = guide.replaceAll(/^```.*?^```$/gms, "");

async function help(...command: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [COMMAND, ...command, "--help"])).stdout;
}

/** The options at the beginnings of the lines of a help. */
function optionsOf(text: string): string[] {
  return [...text.matchAll(/^ {2}(-\w), (--[\w-]+)|^ {2}(--[\w-]+)/gm)].flatMap((match) =>
    match.slice(1).filter((option) => option !== undefined),
  );
}

let commands: string[];
let options: Set<string>;

beforeAll(async () => {
  const all = await help();
  commands = [...all.matchAll(/^ {2}([a-z]+) /gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "help");
  const helps = await Promise.all(commands.map((name) => help(name)));
  options = new Set([all, ...helps].flatMap(optionsOf));
}, PATIENCE);

describe("the guide of the command line", () => {
  test("shows each command at work", () => {
    const shown = new Set(transcripts.map(({ command }) => command.replace(/ .*/s, "")));
    expect([...shown].sort()).toEqual([...commands].sort());
  });

  test("names all options that there are, and no others", () => {
    const named = new Set([...prose.matchAll(/(?<![\w-])--?[a-zA-Z][a-z-]*/g)].map(([option]) => option));
    expect([...named].sort()).toEqual([...options].sort());
  });

  test("names all exit codes, with what the help says that they mean", () => {
    const said = [...guide.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, code, text]) => [Number(code), text]);
    const meanings = Object.entries(EXIT_MEANINGS);
    expect(said).toEqual(meanings.map(([name, text]) => [EXIT[name as keyof typeof EXIT], text]));
  });
});

describe("what the guide says that a command prints", () => {
  let town: Town;

  beforeAll(async () => {
    town = await Town.open();
  }, PATIENCE);

  afterAll(() => town?.[Symbol.asyncDispose]());

  const [watch = [], others = []] = [true, false].map((isWatch) =>
    transcripts.filter(({ command }) => command.startsWith("watch") === isWatch),
  );

  test.each(others.map((transcript) => [transcript.command, transcript] as const))(
    "is what it prints: %s",
    async (command, { output }) => {
      const { stdout, stderr } = await town.start(command).finished;
      expect(stdout + stderr).toBe(output);
    },
  );

  // The last one, since the contact is gone afterwards.
  test("is what it prints, but for the time: watch", async () => {
    const [transcript] = watch;
    expect(watch).toHaveLength(1);
    const { stdout, exitCode } = await town.watch(transcript?.command ?? "");
    const withoutTime = (text = "") => text.replaceAll(/^\d\d:\d\d:\d\d/gm, "--:--:--");
    expect(withoutTime(stdout)).toBe(withoutTime(transcript?.output));
    expect(exitCode).toBe(EXIT.interrupted);
  });
});
