import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = new URL("../../", import.meta.url);

/** A ```ts block of a page. */
export interface Snippet {
  /** The line of the page that its first line is, from 1 on. */
  readonly line: number;
  readonly code: string;
  /** Why it is compiled and not run; undefined where it is run. */
  readonly skipRun: string | undefined;
}

/** A page of Markdown, as far as its code goes. */
export interface Page {
  /** Its path from the root of the repository. */
  readonly name: string;
  readonly snippets: readonly Snippet[];
  /** Files of declarations that the page has its reader make: they are there for all pages. */
  readonly declarations: readonly Snippet[];
  /** Calls in tables, from columns with the title `xmpp-disco`: they are compiled and not run. */
  readonly calls: readonly Snippet[];
}

/** A module made of a page, line by line. */
export interface Program {
  readonly text: string;
  /** The line of the page that a line of the module comes from, from 0 on; undefined where it comes from none. */
  readonly lines: readonly (number | undefined)[];
}

/** The README and the guides. */
export function readPages(): Page[] {
  const guides = readdirSync(new URL("docs/guides/", ROOT)).filter((file) => file.endsWith(".md"));
  return ["README.md", ...guides.sort().map((file) => `docs/guides/${file}`)].map((name) =>
    parsePage(name, readFileSync(fileURLToPath(new URL(name, ROOT)), "utf8")),
  );
}

const FENCE = /^( *)(```+)(\S*)/;
const SKIP_RUN = /^<!-- snippet: skip-run: (.+) -->$/;
const DECLARATIONS = "<!-- snippet: declarations -->";
const OUTPUT = /^\s*(?:if \(.*\) |else )?console\.log\(.*\);? \/\/ (.+)$/;

/** @throws Error where a fence is not closed, or a comment in front of one is not understood */
export function parsePage(name: string, markdown: string): Page {
  const lines = markdown.split("\n");
  const snippets: Snippet[] = [];
  const declarations: Snippet[] = [];
  const calls: Snippet[] = [];
  let columns: string[] | undefined;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const [, indent = "", fence = "", language] = FENCE.exec(line) ?? [];
    if (fence !== "") {
      const end = lines.findIndex((other, index) => index > at && other.trim() === fence);
      if (end === -1) throw new Error(`${name}:${at + 1}: the fence is not closed`);
      if (language === "ts") {
        const code = lines.slice(at + 1, end).map((text) => text.slice(indent.length));
        const mark = lines[at - 1]?.trim() ?? "";
        const list = mark === DECLARATIONS ? declarations : snippets;
        list.push({ line: at + 2, code: code.join("\n"), skipRun: skipRun(name, at, mark) });
      }
      at = end;
    } else if (line.startsWith("|")) {
      const cells = line.split(/(?<!\\)\|/).slice(1, -1);
      columns ??= cells.map((cell) => cell.trim());
      const cell = cells[columns.indexOf("xmpp-disco")] ?? "";
      for (const [, code = ""] of cell.matchAll(/`([^`]+)`/g)) {
        calls.push({ line: at + 1, code: code.replaceAll("\\|", "|"), skipRun: "a call in a table" });
      }
    } else {
      columns = undefined;
    }
  }
  return { name, snippets, declarations, calls };
}

function skipRun(name: string, line: number, mark: string): string | undefined {
  if (!mark.startsWith("<!--") || mark === DECLARATIONS) return undefined;
  const reason = SKIP_RUN.exec(mark)?.[1];
  if (reason !== undefined) return reason;
  throw new Error(
    `${name}:${line}: the comment is neither <!-- snippet: skip-run: why --> nor ${DECLARATIONS}`,
  );
}

/** What the page says that it prints, line by line: the comments behind `console.log(…)`. */
export function saidOutputs(page: Page): { readonly line: number; readonly text: string }[] {
  return page.snippets
    .filter((snippet) => snippet.skipRun === undefined)
    .flatMap(({ line, code }) =>
      code.split("\n").flatMap((text, index) => {
        const output = OUTPUT.exec(text)?.[1];
        return output === undefined ? [] : [{ line: line + index, text: output }];
      }),
    );
}

/**
 * Makes one module of a page. Each block stands within the one before it, so that it sees what that has declared and may
 * declare the same names anew. Imports go to the top, where those of one name are one.
 *
 * `given` are the names that the blocks may use without having declared them.
 */
export function toProgram(page: Page, given: readonly string[], typesOfGiven: string): Program {
  const imports = new Imports();
  const bodies = page.snippets.map((snippet) => ({ ...snippet, code: imports.takeFrom(snippet.code) }));
  const text: string[] = [];
  const lines: (number | undefined)[] = [];
  const add = (code: string, line?: number) => {
    for (const [index, part] of code.split("\n").entries()) {
      text.push(part);
      lines.push(line === undefined ? undefined : line + index);
    }
  };
  for (const statement of imports.statements()) add(statement);
  add(`import type { Given } from ${JSON.stringify(typesOfGiven)};`);
  add(
    `export async function run({ ${given.join(", ")} }: Given, at: (line: number) => void): Promise<void> {`,
  );
  let open = 0;
  for (const { code, line, skipRun } of bodies) {
    if (skipRun === undefined) {
      add(`{ at(${line});`);
      add(code, line);
      open += 1;
    } else {
      add("void (async () => {");
      add(code, line);
      add("});");
    }
  }
  for (const { code, line } of page.calls) {
    add("void (async () => {");
    add(code, line);
    add("});");
  }
  add(`${"}".repeat(open)}\n}`);
  return { text: text.join("\n"), lines };
}

/** The imports of all blocks of a page: each name once. */
class Imports {
  readonly #names = new Map<string, Set<string>>();

  /** Takes the imports out of a block; its lines stay where they are. */
  takeFrom(code: string): string {
    let rest = code;
    for (const statement of ts.createSourceFile("block.ts", code, ts.ScriptTarget.ES2022).statements) {
      if (!ts.isImportDeclaration(statement)) continue;
      const { pos, end } = statement;
      rest = rest.slice(0, pos) + rest.slice(pos, end).replace(/[^\n]/g, " ") + rest.slice(end);
      const from = code.slice(statement.moduleSpecifier.pos, statement.moduleSpecifier.end).trim();
      const names = this.#names.get(from) ?? new Set();
      this.#names.set(from, names);
      const { name, namedBindings } = statement.importClause ?? {};
      if (name !== undefined) names.add(`default as ${name.text}`);
      if (namedBindings === undefined) continue;
      if (!ts.isNamedImports(namedBindings)) throw new Error(`import * is not understood: ${code}`);
      for (const element of namedBindings.elements) names.add(code.slice(element.pos, element.end).trim());
    }
    return rest;
  }

  statements(): string[] {
    return [...this.#names].map(([from, names]) => `import { ${[...names].join(", ")} } from ${from};`);
  }
}
