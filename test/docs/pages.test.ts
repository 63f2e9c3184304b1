import { describe, expect, test } from "vitest";
import { compilePages } from "./compile.ts";
import { parsePage, saidOutputs } from "./pages.ts";
import { runPage } from "./run.ts";

const fenced = (...lines: string[]) => ["```ts", ...lines, "```"].join("\n");

/** A page of these parts, compiled. */
function compiled(name: string, ...parts: string[]) {
  const [page] = compilePages(`xmpp-disco-docs-${name}`, [parsePage("page.md", parts.join("\n"))]);
  if (page === undefined) throw new Error("nothing was compiled");
  return page;
}

describe("a page", () => {
  test("has the blocks that are TypeScript, with the lines they begin at", () => {
    const { snippets } = parsePage(
      "page.md",
      ["# Title", fenced("a();"), "```sh\nb\n```", fenced("c();")].join("\n"),
    );
    expect(snippets).toEqual([
      { line: 3, code: "a();", skipRun: undefined },
      { line: 9, code: "c();", skipRun: undefined },
    ]);
  });

  test("says why a block is not run", () => {
    const { snippets } = parsePage(
      "page.md",
      `<!-- snippet: skip-run: it needs a Redis -->\n${fenced("a();")}`,
    );
    expect(snippets[0]?.skipRun).toBe("it needs a Redis");
  });

  test("may not leave the reason out", () => {
    expect(() => parsePage("page.md", `<!-- snippet: skip-run -->\n${fenced("a();")}`)).toThrow(
      /^page\.md:1: /,
    );
  });

  test("says what its blocks print", () => {
    const page = parsePage(
      "page.md",
      fenced("const a = 1; // one", "console.log(a); // 1", "console.log(a);"),
    );
    expect(saidOutputs(page)).toEqual([{ line: 3, text: "1" }]);
  });

  test("has the calls in the columns of its tables that say so", () => {
    const { calls } = parsePage(
      "page.md",
      "| there | xmpp-disco |\n| --- | --- |\n| `a()` | `b()`, and `c()` |\n",
    );
    expect(calls.map(({ line, code }) => [line, code])).toEqual([
      [3, "b()"],
      [3, "c()"],
    ]);
  });
});

describe("a snippet", () => {
  test("sees what the blocks before it declare, and may declare the same names", async () => {
    const page = compiled("scopes", fenced("const a = 1;"), fenced("const a = 2;"), fenced("a satisfies 2;"));
    expect(page.errors).toEqual([]);
    await runPage(page);
  });

  test("may import what another one has imported", () => {
    const block = fenced('import { DiscoInfo, type Item } from "xmpp-disco";');
    expect(compiled("imports", block, block).errors).toEqual([]);
  });

  test("that does not compile is told with page and line", () => {
    const { errors } = compiled("types", "Text", fenced("const a = 1;", "const b: string = a;"));
    expect(errors).toEqual(["page.md:4: Type 'number' is not assignable to type 'string'."]);
  });

  test("that uses what the package has not is told, also in a table", () => {
    const table = "| xmpp-disco |\n| --- |\n| `new Nothing()` |";
    expect(compiled("table", table).errors).toEqual(["page.md:3: Cannot find name 'Nothing'."]);
  });

  test("of declarations is there for the others", () => {
    const declarations = fenced('declare module "nothing" {', "  export const something: string;", "}");
    const page = compiled(
      "declarations",
      `<!-- snippet: declarations -->\n${declarations}`,
      fenced('import { something } from "nothing";', "const a: string = something;"),
    );
    expect(page.errors).toEqual([]);
  });

  test("of declarations that does not compile is told with page and line", () => {
    const { errors } = compiled(
      "wrong-declarations",
      `<!-- snippet: declarations -->\n${fenced("", "declare const a: Nothing;")}`,
    );
    expect(errors).toEqual(["page.md:4: Cannot find name 'Nothing'."]);
  });

  test("that throws is told with page and line", async () => {
    const page = compiled("throws", "Text", fenced("const a = 1;", "", 'throw new Error("a is wrong");'));
    await expect(runPage(page)).rejects.toThrow("page.md:5: Error: a is wrong");
  });

  test("that rejects with what has no place is told with the line of its block", async () => {
    const page = compiled("rejects", fenced("await Promise.reject('no');"));
    await expect(runPage(page)).rejects.toThrow("page.md:2: no");
  });

  test("that is not to be run is compiled all the same", async () => {
    const page = compiled("skip", "<!-- snippet: skip-run: it fails -->", fenced("missing();"));
    expect(page.errors).toEqual(["page.md:3: Cannot find name 'missing'."]);
    await runPage(page);
  });
});
