import fc from "fast-check";
import { Random } from "../support/random.ts";
import { Coverage, type Profile } from "./coverage.ts";
import { mutate } from "./mutate.ts";
import { shrink } from "./shrink.ts";
import type { Strays } from "./strays.ts";
import { BrokenLaw, type Target } from "./target.ts";

/** An input for which a law does not hold. */
export interface Finding {
  readonly target: string;
  readonly law: string;
  readonly details: string;
  /** As small as it could be made. */
  readonly input: string;
}

/** How many inputs that break one law are made small and told. */
const TOLD_PER_LAW = 2;

/** How many inputs are run between two looks at the coverage: few where there is news. */
const MIN_BATCH = 32;
const MAX_BATCH = 1_024;

/** How many inputs of an asynchronous target are under way at once. */
const AT_ONCE = 64;

/** How long one input may take, in milliseconds: far more than any does, for a machine that is busy. */
const MAX_TIME = 2_000;

/** How many of the inputs are made anew, and not out of others. */
const FRESH = 0.3;

/** Runs one target with inputs that grow out of those that reached something new. */
export class Fuzzer {
  readonly target: Target;
  readonly findings: Finding[] = [];
  /** Inputs that each reached something new: a part of the sources, or an outcome. */
  readonly corpus: string[] = [];
  readonly outcomes = new Map<string, number>();
  readonly coverage = new Coverage();
  /** How many inputs were run. */
  runs = 0;
  /** How long that took, in milliseconds. */
  time = 0;
  /** The longest that one took. */
  slowest = 0;
  readonly #random: Random;
  readonly #seed: number;
  readonly #strays: Strays;
  readonly #profile: Profile | undefined;
  readonly #laws = new Map<string, number>();
  readonly #ready: string[] = [];
  #samples = 0;
  #batch = MIN_BATCH;

  /** Without a profile, outcomes alone guide it. */
  constructor(target: Target, seed: number, strays: Strays, profile?: Profile) {
    this.target = target;
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#strays = strays;
    this.#profile = profile;
    this.coverage.know(profile?.functions ?? []);
  }

  /** Runs given inputs, and keeps those that reach something new. */
  async replay(inputs: readonly string[]): Promise<void> {
    const startedAt = performance.now();
    this.#profile?.take();
    for (let at = 0; at < inputs.length; at += MIN_BATCH)
      await this.#runBatch(inputs.slice(at, at + MIN_BATCH));
    this.time += performance.now() - startedAt;
  }

  /** Runs so many inputs that are made anew or out of others. */
  async run(runs: number): Promise<void> {
    const startedAt = performance.now();
    // What ran meanwhile is not this target's.
    this.#profile?.take();
    for (let left = runs; left > 0; ) {
      const inputs = Array.from({ length: Math.min(left, this.#batch) }, () => this.#next());
      left -= inputs.length;
      const hasNews = await this.#runBatch(inputs);
      this.#batch = hasNews ? MIN_BATCH : Math.min(MAX_BATCH, this.#batch * 2);
    }
    this.time += performance.now() - startedAt;
  }

  #next(): string {
    if (this.corpus.length === 0 || this.#random.happens(FRESH)) return this.#fresh();
    // What is new leads on more often.
    const recent = this.#random.happens(0.4) ? this.corpus.slice(-20) : this.corpus;
    return mutate(this.#random.pick(recent), this.target.kind, this.corpus, this.#random);
  }

  #fresh(): string {
    if (this.#ready.length === 0) {
      this.#samples += 1;
      const options = { numRuns: 200, seed: this.#seed + this.#samples };
      this.#ready.push(...fc.sample(this.target.fresh, options));
    }
    return this.#ready.pop() ?? "";
  }

  /** Returns whether anything was new. */
  async #runBatch(inputs: readonly string[]): Promise<boolean> {
    const known = this.outcomes.size;
    await this.#runAll(inputs, true);
    if ((await this.#strays.take()).length > 0) await this.#findStrays(inputs);
    let hasNews = this.outcomes.size > known;
    if (this.#profile !== undefined) {
      const ran = this.#profile.take();
      if (this.coverage.add(ran, false) > 0) {
        hasNews = true;
        await this.#locate(inputs);
        // What runs once only, such as filling a cache, cannot be found again.
        this.coverage.add(ran);
      }
    }
    return hasNews;
  }

  /** Finds which of the inputs reached something new, by halves. */
  async #locate(inputs: readonly string[]): Promise<void> {
    if (this.#profile === undefined || inputs.length === 0) return;
    this.#profile.take();
    await this.#runAll(inputs, false);
    const ran = this.#profile.take();
    if (this.coverage.add(ran, false) === 0) return;
    const [only] = inputs;
    if (inputs.length === 1 && only !== undefined) {
      this.coverage.add(ran);
      this.#keep(only);
      return;
    }
    const half = Math.ceil(inputs.length / 2);
    await this.#locate(inputs.slice(0, half));
    await this.#locate(inputs.slice(half));
  }

  #keep(input: string): void {
    if (!this.corpus.includes(input)) this.corpus.push(input);
  }

  async #runAll(inputs: readonly string[], isCounted: boolean): Promise<void> {
    let open: Promise<void>[] = [];
    for (const input of inputs) {
      const startedAt = performance.now();
      const done = this.#runOne(input, isCounted);
      if (done === undefined) {
        const time = performance.now() - startedAt;
        if (isCounted && time > this.slowest) await this.#timed(input, time);
        continue;
      }
      open.push(done);
      if (open.length < AT_ONCE) continue;
      await Promise.all(open);
      open = [];
    }
    await Promise.all(open);
  }

  /** Returns a promise only where the target does. */
  #runOne(input: string, isCounted: boolean): Promise<void> | undefined {
    if (isCounted) this.runs += 1;
    const fail = (error: unknown) => (isCounted ? this.#found(input, error) : Promise.resolve());
    try {
      const outcome = this.target.run(input);
      if (typeof outcome !== "string")
        return outcome.then((told) => this.#came(input, told, isCounted), fail);
      this.#came(input, outcome, isCounted);
      return undefined;
    } catch (error) {
      return fail(error);
    }
  }

  #came(input: string, outcome: string, isCounted: boolean): void {
    if (!isCounted) return;
    const times = this.outcomes.get(outcome) ?? 0;
    this.outcomes.set(outcome, times + 1);
    if (times === 0) this.#keep(input);
  }

  async #timed(input: string, first: number): Promise<void> {
    let time = first;
    // Something else may have had the processor.
    for (let times = 0; times < 3 && time > MAX_TIME; times++) {
      const startedAt = performance.now();
      await this.target.run(input);
      time = Math.min(time, performance.now() - startedAt);
    }
    this.slowest = Math.max(this.slowest, Math.min(first, time));
    if (time > MAX_TIME)
      await this.#found(input, new BrokenLaw(`an input takes no more than ${MAX_TIME} ms`, `${time} ms`));
  }

  /** Something was not caught: finds out after which input. */
  async #findStrays(inputs: readonly string[]): Promise<void> {
    for (const input of inputs) {
      const failure = await this.#failure(input);
      if (failure !== undefined) await this.#found(input, failure);
    }
  }

  /** How an input fails, run by itself. */
  async #failure(input: string): Promise<unknown> {
    await this.#strays.take();
    try {
      await this.target.run(input);
    } catch (error) {
      return error;
    }
    const [stray] = await this.#strays.take();
    return stray === undefined ? undefined : new BrokenLaw("all that is thrown is caught", detailsOf(stray));
  }

  async #found(input: string, error: unknown): Promise<void> {
    const law = lawOf(error);
    const times = this.#laws.get(law) ?? 0;
    this.#laws.set(law, times + 1);
    if (times >= TOLD_PER_LAW) return;
    let details = detailsOf(error);
    const small = await shrink(input, async (candidate) => {
      const failure = await this.#failure(candidate);
      if (failure === undefined || lawOf(failure) !== law) return false;
      details = detailsOf(failure);
      return true;
    });
    if (this.findings.some((known) => known.law === law && known.input === small)) return;
    this.findings.push({ target: this.target.name, law, details, input: small });
  }
}

function lawOf(error: unknown): string {
  if (error instanceof BrokenLaw) return error.message;
  // The message may quote the input: where it was thrown says more.
  const [, place = "somewhere"] =
    /\n\s+at (.*?) \(/.exec(error instanceof Error ? (error.stack ?? "") : "") ?? [];
  return `nothing else is thrown: ${error instanceof Error ? error.name : typeof error} at ${place}`;
}

function detailsOf(error: unknown): string {
  if (error instanceof BrokenLaw) return error.details;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
