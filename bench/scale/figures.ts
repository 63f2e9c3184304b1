// What is measured, and how the parts are put together.
import { cpu } from "../task.ts";

/** What crossed the streams that are measured, and what it cost this package and xmpp.js. */
export interface Cost {
  /** Questions (disco#info) on the streams. */
  readonly questions: number;
  readonly stanzas: number;
  /** XML in both directions. */
  readonly bytes: number;
  /** Seconds of the processor, without those of the server. */
  readonly cpu: number;
}

export interface Stage extends Cost {
  readonly name: string;
}

/** What a variant of a scenario has shown. */
export interface Shown {
  readonly stages: readonly Stage[];
  /** Bytes in use by JavaScript at the end, without garbage, above those at the start; undefined where none are kept. */
  readonly memory?: number | undefined;
  /** What else is to be told. */
  readonly notes: Readonly<Record<string, number>>;
}

/** One way to do what a scenario is about; each is measured in a process of its own. */
export type Variant = (options: VariantOptions) => Promise<Shown>;

export interface VariantOptions {
  readonly seed: number;
  /** Which of several processes it is that do a part each, from 0 on. */
  readonly part: number;
  /** The address of a Redis, where the scenario has one. */
  readonly redis: string;
}

/** A variant whose parts were shown by a process each. */
export function together(parts: readonly Shown[]): Shown {
  const [first, ...others] = parts;
  if (first === undefined) throw new Error("nothing was shown");
  const add = (one: Shown, other: Shown): Shown => ({
    stages: one.stages.map(({ name, ...stage }, index) => ({
      name,
      ...total([stage, ...other.stages.slice(index, index + 1)]),
    })),
    memory: one.memory === undefined ? undefined : one.memory + (other.memory ?? 0),
    notes: Object.fromEntries(
      Object.entries(one.notes).map(([name, value]) => [name, value + (other.notes[name] ?? 0)]),
    ),
  });
  return others.reduce(add, first);
}

export function total(stages: readonly Cost[]): Cost {
  const sum = (of: (stage: Cost) => number) => stages.reduce((all, stage) => all + of(stage), 0);
  return {
    questions: sum(({ questions }) => questions),
    stanzas: sum(({ stanzas }) => stanzas),
    bytes: sum(({ bytes }) => bytes),
    cpu: sum((stage) => stage.cpu),
  };
}

/** Counts what crosses the streams of one process, and keeps apart what the servers in it cost. */
export class Meter {
  questions = 0;
  stanzas = 0;
  bytes = 0;
  /** Microseconds. */
  #aside = 0;
  #depth = 0;
  readonly stages: Stage[] = [];

  /** Text that crosses a stream. */
  count(text: string, stanzas: number): void {
    this.stanzas += stanzas;
    this.bytes += Buffer.byteLength(text);
  }

  /** Does what is not the client's: the work of servers, peers and checks. */
  aside<T>(act: () => T): T {
    if (this.#depth > 0) return act();
    const startedAt = cpu();
    this.#depth += 1;
    try {
      return act();
    } finally {
      this.#depth -= 1;
      this.#aside += cpu() - startedAt;
    }
  }

  /** Does a part of the scenario and notes what it cost. */
  async stage(name: string, act: () => Promise<void>): Promise<void> {
    const { questions, stanzas, bytes } = this;
    const [startedAt, aside] = [cpu(), this.#aside];
    await act();
    this.stages.push({
      name,
      questions: this.questions - questions,
      stanzas: this.stanzas - stanzas,
      bytes: this.bytes - bytes,
      cpu: (cpu() - startedAt - (this.#aside - aside)) / 1e6,
    });
  }
}
