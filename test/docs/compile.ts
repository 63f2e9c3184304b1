import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { GIVEN_NAMES } from "./given.ts";
import { type Page, type Program, toProgram } from "./pages.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A page that has been compiled. */
export interface CompiledPage {
  readonly page: Page;
  /** What the compiler says, each with page and line. */
  readonly errors: readonly string[];
  /** The module, to be imported. */
  readonly file: string;
  /** The line of the page that a place of the module comes from; both from 1 on, like those of a stack. */
  lineOf(line: number, column: number): number | undefined;
}

/**
 * Compiles pages as a consumer of the built package would, in a folder of its own in node_modules.
 *
 * A page that does not compile is compiled all the same: that it does not is told.
 */
export function compilePages(name: string, pages: readonly Page[]): CompiledPage[] {
  const folder = join(ROOT, "node_modules/.cache", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  // As npm links a package of a workspace.
  symlinkSync(ROOT, join(folder, "node_modules/xmpp-disco"), "junction");
  writeFileSync(join(folder, "client.mjs"), stub("@xmpp/client", "client"));
  writeFileSync(join(folder, "component.mjs"), stub("@xmpp/component", "component"));
  const given = relative(folder, join(ROOT, "test/docs/given.js"));
  const programs = new Map<string, Program>();
  const files = pages.map((page) => {
    const file = join(folder, `${page.name.replaceAll("/", "-")}.mts`);
    const program = toProgram(page, GIVEN_NAMES, given);
    programs.set(file, program);
    writeFileSync(file, program.text);
    return file;
  });
  const declared = pages.map(({ declarations }, index) =>
    declarations.map(({ code, line }, number) => {
      const file = join(folder, `declarations-${index}-${number}.d.ts`);
      writeFileSync(file, code);
      return { file, line };
    }),
  );
  const compiler = createProgram([...files, ...declared.flat().map(({ file }) => file)], options());
  // Their own errors would be hidden with those of other libraries.
  const declarationsCompiler = createProgram(
    declared.flat().map(({ file }) => file),
    { ...options(), skipLibCheck: false, noEmit: true },
  );
  const redirected: ts.WriteFileCallback = (path, text) => writeFileSync(path, redirect(text));
  return pages.map((page, index) => {
    const file = files[index] ?? "";
    const source = compiler.getSourceFile(file);
    if (source === undefined) throw new Error(`${file} was not compiled`);
    const lines = programs.get(file)?.lines ?? [];
    const errors = ts.getPreEmitDiagnostics(compiler, source).map((diagnostic) => {
      const line = lines[lineOfDiagnostic(source, diagnostic)];
      return describe(page, line, diagnostic);
    });
    for (const { file, line } of declared[index] ?? []) {
      const declarations = declarationsCompiler.getSourceFile(file);
      if (declarations === undefined) throw new Error(`${file} was not compiled`);
      for (const diagnostic of ts.getPreEmitDiagnostics(declarationsCompiler, declarations)) {
        errors.push(describe(page, line + lineOfDiagnostic(declarations, diagnostic), diagnostic));
      }
    }
    compiler.emit(source, redirected);
    const output = file.replace(/\.mts$/, ".mjs");
    const map = new SourceMap(JSON.parse(readFileSync(`${output}.map`, "utf8")));
    const lineOf = (line: number, column: number) => {
      const entry = map.findEntry(line - 1, column - 1);
      return "originalLine" in entry ? lines[entry.originalLine] : undefined;
    };
    return { page, errors, file: output, lineOf };
  });
}

/** What does not change while the tests run: libraries. */
const libraries = new Map<string, ts.SourceFile | undefined>();

function createProgram(files: readonly string[], options: ts.CompilerOptions): ts.Program {
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    if (path.includes("/.cache/")) return getSourceFile(path, ...rest);
    if (!libraries.has(path)) libraries.set(path, getSourceFile(path, ...rest));
    return libraries.get(path);
  };
  return ts.createProgram(files, options, host);
}

/** From 0 on. */
function lineOfDiagnostic(source: ts.SourceFile, { start = 0 }: ts.Diagnostic): number {
  return source.getLineAndCharacterOfPosition(start).line;
}

function describe(page: Page, line: number | undefined, { messageText }: ts.Diagnostic): string {
  return `${page.name}:${line ?? "?"}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
}

/** The options that this package is compiled with. */
function options(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path));
  const parsed = ts.parseJsonConfigFileContent({ ...config, files: ["x.ts"], references: [] }, ts.sys, ROOT);
  return {
    ...parsed.options,
    types: ["node"],
    // The types of @xmpp/client have errors of their own.
    skipLibCheck: true,
    // A snippet shows a thing; what it is for is not always shown.
    noUnusedLocals: false,
    noUnusedParameters: false,
    declaration: false,
    declarationMap: false,
    sourceMap: true,
  };
}

/** A module like xmpp.js' own, whose clients talk to the servers of the test. */
function stub(module: string, name: "client" | "component"): string {
  return `export * from "${module}";\nexport const ${name} = (options) => globalThis.xmppDiscoDocs.${name}(options);\n`;
}

function redirect(code: string): string {
  return code
    .replaceAll(/from "@xmpp\/client"/g, 'from "./client.mjs"')
    .replaceAll(/from "@xmpp\/component"/g, 'from "./component.mjs"');
}
