import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { KEY_LINES } from "../examples/key-lines.ts";

const ROOT = new URL("../../", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, ROOT));
const read = (name: string) => readFileSync(path(name), "utf8");

const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
const examples = readdirSync(path("examples"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const readme = (name: string) => {
  const file = `examples/${name}/README.md`;
  return existsSync(path(file)) ? read(file) : "";
};

/** The blocks of a page that show what an example prints. */
function outputs(markdown: string): string {
  return [...markdown.matchAll(/^<!-- output -->\n```text\n(.*?)^```$/gms)]
    .map(([, text]) => text)
    .join("\n");
}

describe.each(examples.map((name) => [name]))("the page of the example %s", (name) => {
  const page = readme(name);

  test("has a title, and says how to begin, what is printed and what to change", () => {
    expect(page).toMatch(/^# \S.*\n\n\S/);
    const titles = [...page.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    // The explorer is a page in the browser.
    if (name !== "explorer")
      expect(titles).toEqual(["What it prints", "How it works", "To make it your own"]);
  });

  test("begins with a command that there is", () => {
    const [, command = ""] = /^ {4}(\S.*)$/m.exec(page) ?? [];
    const [, script] = /^npm run (\S+)$/.exec(command) ?? [];
    const [, file = script === undefined ? "none" : (/\S+$/.exec(scripts[script] ?? "none")?.[0] ?? "")] =
      /^npx tsx (\S+)$/.exec(command) ?? [];
    expect(file.startsWith(`examples/${name}/`)).toBe(true);
    expect(existsSync(path(file))).toBe(true);
  });

  test("names no file of its own that is not there", () => {
    const named = [...page.matchAll(/`([\w-]+\.ts)`/g)].map(([, file = ""]) => file);
    expect(named.filter((file) => !existsSync(path(`examples/${name}/${file}`)))).toEqual([]);
  });

  test("shows the lines that the example has to print", () => {
    const shown = outputs(page);
    const keyLines = KEY_LINES[name] ?? [];
    expect(keyLines.length > 0).toBe(name !== "explorer");
    for (const line of keyLines) expect(shown).toMatch(line);
  });

  test("is linked from the documentation", () => {
    expect(read("docs/README.md")).toContain(`(../examples/${name}/README.md)`);
  });
});

test("every example that has key lines is there", () => {
  expect(Object.keys(KEY_LINES).filter((name) => !examples.includes(name))).toEqual([]);
});
