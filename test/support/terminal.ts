import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";

/** How a program is run. */
export interface RunOptions {
  /** Added to the environment of this process; undefined takes away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a program wrote, and how it ended. */
export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  /** Undefined when a signal has killed it. */
  readonly exitCode: number | undefined;
}

/** A program that runs, with all that it has written so far. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;
  #stdout = "";
  #stderr = "";
  #onOutput = () => {};

  constructor(command: string, args: readonly string[], { env = {} }: RunOptions = {}) {
    this.child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "pipe" });
    // Who is gone needs no input.
    this.child.stdin.on("error", () => {});
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#onOutput();
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#onOutput();
    });
    this.finished = once(this.child, "close").then(([code]: (number | null)[]) => ({
      stdout: this.#stdout,
      stderr: this.#stderr,
      exitCode: code ?? undefined,
    }));
  }

  /** All that it has written to the standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** All that it has written to the standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves as soon as it has written this, to either; rejects when it ends before. */
  async shows(text: string | RegExp): Promise<void> {
    const isShown = () =>
      [this.#stdout, this.#stderr].some((output) =>
        typeof text === "string" ? output.includes(text) : text.test(output),
      );
    const shown = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (isShown()) resolve();
      };
      this.#onOutput();
    });
    const ended = this.finished.then(({ stdout, stderr }) => {
      if (!isShown()) throw new Error(`ended without ${text}:\n${stdout}\n${stderr}`);
    });
    await Promise.race([shown, ended]);
  }

  /** Types on its keyboard, or writes to its standard input. */
  type(text: string): void {
    this.child.stdin.write(text);
  }
}

/** Runs a program whose output goes into pipes. */
export function run(command: string, args: readonly string[], options?: RunOptions): Running {
  const running = new Running(command, args, options);
  running.child.stdin.end();
  return running;
}

/**
 * Runs a program on a terminal of its own, 120 columns wide, that echoes what is typed: what it writes to the standard
 * output and error comes as one.
 */
export function runOnTerminal(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const line = [command, ...args].map(quoted).join(" ");
  const env = { TERM: "xterm-256color", NO_COLOR: undefined, CI: undefined, ...options.env };
  // From util-linux; "always" since it turns the echo off by default when its own input is no terminal.
  const script = [
    "--quiet",
    "--return",
    "--echo",
    "always",
    "--command",
    `stty cols 120 rows 40; exec ${line}`,
  ];
  return new Running("script", [...script, "/dev/null"], { env });
}

/** What a person sees of what was written to a terminal: without colours, and line by line as it was in the end. */
export function screen(output: string): string {
  return output
    .replaceAll(CONTROL_SEQUENCE, "")
    .split(/\r?\n/)
    .map((line) => line.slice(line.lastIndexOf("\r") + 1).trimEnd())
    .join("\n");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const CONTROL_SEQUENCE = /\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[78])/g;

function quoted(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}
