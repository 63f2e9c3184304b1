import { type Profiler, Session } from "node:inspector";

/** Which parts of the sources ran, as V8 counts it (https://v8.dev/blog/javascript-code-coverage). */
export class Profile {
  readonly #session = new Session();
  readonly #folder: string;
  /** All functions of what was imported. */
  readonly functions: Profiler.ScriptCoverage[] = [];

  /** @param folder whose modules count, as a URL */
  constructor(folder: string) {
    this.#folder = folder;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Imports modules, and notes their functions: V8 tells of one that never ran only where what is around it did. */
  async importing<T>(load: () => Promise<T>): Promise<T> {
    const loaded = await load();
    this.functions.push(...this.take());
    return loaded;
  }

  /** What ran since this was called last. */
  take(): readonly Profiler.ScriptCoverage[] {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error) throw error;
      scripts = result.filter(({ url }) => url.startsWith(this.#folder));
    });
    return scripts;
  }

  stop(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }
}

interface Module {
  /** All functions seen so far, outer ones before inner ones. */
  spans: { readonly key: string; readonly start: number; readonly end: number }[];
  readonly keys: Set<string>;
  /** One for each character that ran. */
  reached: Uint8Array;
}

/** Which characters of the sources have run so far: V8's ranges differ from time to time. */
export class Coverage {
  readonly #modules = new Map<string, Module>();

  /** Notes which functions there are. */
  know(scripts: readonly Profiler.ScriptCoverage[]): void {
    for (const { url, functions } of scripts) this.#addFunctions(this.#moduleOf(url), functions);
  }

  /** Notes what ran, and returns how many characters of it had not before. */
  add(scripts: readonly Profiler.ScriptCoverage[], isKept = true): number {
    let fresh = 0;
    for (const script of scripts) fresh += this.#addScript(script, isKept);
    return fresh;
  }

  /** What any of several have reached. */
  static union(several: readonly Coverage[]): Coverage {
    const all = new Coverage();
    for (const { url, spans, reached } of several.flatMap((one) => [...one.#listed()])) {
      const module = all.#moduleOf(url);
      module.spans.push(...spans.filter(({ key }) => !module.keys.has(key)));
      for (const { key } of spans) module.keys.add(key);
      const both = new Uint8Array(Math.max(module.reached.length, reached.length));
      both.set(module.reached);
      for (const [at, ran] of reached.entries()) both[at] ||= ran;
      module.reached = both;
    }
    return all;
  }

  /** How many characters of functions have run, and how many there are, by module. */
  get figures(): { readonly url: string; readonly reached: number; readonly all: number }[] {
    return [...this.#listed()].map(({ url, spans, reached: ran }) => {
      const inFunctions = new Uint8Array(Math.max(0, ...spans.map(({ end }) => end)));
      for (const { start, end } of spans) if (start > 0) inFunctions.fill(1, start, end);
      let [reached, all] = [0, 0];
      for (const [at, isInside] of inFunctions.entries()) {
        all += isInside;
        reached += isInside && (ran[at] ?? 0);
      }
      return { url, reached, all };
    });
  }

  *#listed() {
    for (const [url, module] of this.#modules) yield { url, ...module };
  }

  #moduleOf(url: string): Module {
    const known = this.#modules.get(url);
    if (known !== undefined) return known;
    const module: Module = { spans: [], keys: new Set(), reached: new Uint8Array() };
    this.#modules.set(url, module);
    return module;
  }

  #addFunctions(module: Module, functions: readonly Profiler.FunctionCoverage[]): void {
    const { length } = module.spans;
    for (const { ranges } of functions) {
      const [whole] = ranges;
      const key = keyOf(whole);
      if (whole === undefined || module.keys.has(key)) continue;
      module.keys.add(key);
      module.spans.push({ key, start: whole.startOffset, end: whole.endOffset });
    }
    if (module.spans.length > length) module.spans.sort((a, b) => a.start - b.start || b.end - a.end);
  }

  #addScript({ url, functions }: Profiler.ScriptCoverage, isKept: boolean): number {
    const module = this.#moduleOf(url);
    this.#addFunctions(module, functions);
    const ranges = new Map(
      functions.map(({ ranges: [whole, ...parts] }) => [keyOf(whole), [whole, ...parts]]),
    );
    const length = Math.max(0, ...module.spans.map(({ end }) => end));
    const ran = new Uint8Array(length);
    for (const { key, start, end } of module.spans) {
      // What is not told has not run.
      ran.fill(0, start, end);
      for (const range of ranges.get(key) ?? []) {
        if (range !== undefined) ran.fill(range.count > 0 ? 1 : 0, range.startOffset, range.endOffset);
      }
    }
    const reached = new Uint8Array(length);
    reached.set(module.reached);
    let fresh = 0;
    for (let at = 0; at < length; at++) {
      if (ran[at] === 1 && reached[at] === 0) {
        fresh += 1;
        reached[at] = 1;
      }
    }
    if (isKept) module.reached = reached;
    return fresh;
  }
}

function keyOf(range: Profiler.CoverageRange | undefined): string {
  return `${range?.startOffset}-${range?.endOffset}`;
}
