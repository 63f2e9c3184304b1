import { format } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { compilePages } from "./compile.ts";
import { readPages, saidOutputs } from "./pages.ts";
import { runPage } from "./run.ts";

const pages = compilePages("xmpp-disco-docs", readPages());

let logged: string[];
let errors: string[];

beforeEach(() => {
  logged = [];
  errors = [];
  vi.spyOn(console, "log").mockImplementation((...values) => void logged.push(format(...values)));
  vi.spyOn(console, "error").mockImplementation((...values) => void errors.push(format(...values)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(pages.map((page) => [page.page.name, page] as const))("the snippets of %s", (_, compiled) => {
  test("compile", () => {
    expect(compiled.errors).toEqual([]);
  });

  test("run one after the other, and log no error", async () => {
    await runPage(compiled);
    expect(errors).toEqual([]);
  });

  test("print what the page says that they print", async () => {
    await runPage(compiled);
    const missing = saidOutputs(compiled.page).filter(({ text }) => !logged.includes(text));
    expect(missing.map(({ line, text }) => `${compiled.page.name}:${line}: ${text}`)).toEqual([]);
  });
});

test("every page has a snippet that is run, but that of the command line, whose commands are", () => {
  const idle = pages.filter(({ page }) => !page.snippets.some(({ skipRun }) => skipRun === undefined));
  expect(idle.map(({ page }) => page.name)).toEqual(["docs/guides/command-line.md"]);
});
