import type { Arbitrary } from "fast-check";

/** One thing that comes from the wire, a store or the command line, and the laws that hold for it. */
export interface Target {
  readonly name: string;
  /** What is fuzzed, for people. */
  readonly about: string;
  /** How inputs are changed: as trees of elements too, or as texts alone. */
  readonly kind: "xml" | "text";
  /** Inputs with the right structure. */
  readonly fresh: Arbitrary<string>;
  /** Inputs to begin with, besides the corpus. */
  readonly seeds: readonly string[];
  /** Its share of the runs where all targets are run. */
  readonly share: number;
  /**
   * Checks all laws on an input, and says in a few words what became of it: an input with a new one is kept.
   *
   * @throws BrokenLaw
   */
  run(input: string): string | Promise<string>;
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

/** A law does not hold for an input. */
export class BrokenLaw extends Error {
  override readonly name = "BrokenLaw";
  /** What was expected and what there was, where that helps. */
  readonly details: string;

  constructor(law: string, details = "") {
    super(law);
    this.details = details;
  }
}

/** @throws BrokenLaw when it does not hold */
export function holds(condition: boolean, law: string, details: () => string = () => ""): asserts condition {
  if (!condition) throw new BrokenLaw(law, details());
}

/** Compares plain data. @throws BrokenLaw when they differ */
export function same(actual: unknown, expected: unknown, law: string): void {
  const [a, b] = [stable(actual), stable(expected)];
  holds(a === b, law, () => `expected ${b}\ngot      ${a}`);
}

/** What a function returns, or the error that it may throw; any other breaks the law. */
export function attempt<T, E extends Error>(
  run: () => T,
  allowed: (error: unknown) => error is E,
  law: string,
): { readonly value: T } | { readonly error: E } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof BrokenLaw) throw error;
    holds(allowed(error), law, () =>
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
    return { error };
  }
}

/** Like {@link attempt} where nothing may be thrown. */
export function mustReturn<T>(run: () => T, law: string): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof BrokenLaw) throw error;
    throw new BrokenLaw(law, error instanceof Error ? error.stack : String(error));
  }
}

/** Equal texts for equal data: JSON.stringify escapes lone surrogates, so that they are told apart. */
function stable(value: unknown): string {
  return value === undefined ? "undefined" : JSON.stringify(value);
}

/** Whether XML can carry a text. https://www.w3.org/TR/xml/#charsets */
export function isXmlText(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isControl = code < 0x20 && code !== 0x9 && code !== 0xa && code !== 0xd;
    if (isControl || (code >= 0xd800 && code <= 0xdfff) || code === 0xfffe || code === 0xffff) return false;
  }
  return true;
}

/** A number that a text stands for, to seed what an input decides. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
