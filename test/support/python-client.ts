import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const LOG_TAIL_LINES = 20;
const PATIENCE_MS = 5_000;

/** How a process is started. */
export interface Command {
  /** As it is called in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The folder it works in; this process' own unless given. */
  readonly cwd?: string;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What a process writes: that it is ready, that it cannot be, or an answer to a request. */
interface Line {
  readonly ready?: unknown;
  /** The module of Python that is not installed. */
  readonly missing?: string;
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
}

/**
 * A child process that is asked, and answers, by lines of JSON. It ends when its stdin does, and so never outlives this
 * process.
 */
export class JsonProcess implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Waiting>();
  readonly #isReady: Promise<unknown>;
  #greeting: unknown;
  readonly #exited: Promise<void>;
  #hasExited = false;
  #nextId = 1;
  #log = "";

  /** Starts a process, which can be asked after {@link ready}. */
  protected constructor({ name, command, args, cwd }: Command) {
    this.#name = name;
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], cwd });
    this.#child = child;
    // Once written to after its end, it says so here; its requests reject by themselves.
    child.stdin.on("error", () => {});
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
    });
    this.#isReady = new Promise((resolve, reject) => {
      this.#waiting.set(0, { resolve, reject });
    });
    this.#isReady.catch(() => {});
    createInterface({ input: child.stdout }).on("line", (line) => this.#onLine(line));
    this.#exited = new Promise((resolve) => {
      const end = (error: Error) => {
        this.#hasExited = true;
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        resolve();
      };
      child.once("error", end);
      // "close" and not "exit": all that it wrote has been read.
      child.once("close", (code, signal) => end(this.#failure(`${name} has ended (${signal ?? code})`)));
    });
  }

  /** Starts a process and waits until it is ready. @throws Error when it ends before */
  static async run(command: Command): Promise<JsonProcess> {
    const process = new JsonProcess(command);
    await process.ready();
    return process;
  }

  /** Waits until the process can be asked. */
  protected async ready(): Promise<void> {
    try {
      this.#greeting = await this.#isReady;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** What the process said of itself when it was ready. */
  get greeting(): unknown {
    return this.#greeting;
  }

  /** Has the process do something. @throws Error with what it says when it cannot */
  async request<T>(name: string, args: object = {}): Promise<T> {
    if (this.#hasExited) throw this.#failure(`${this.#name} has ended`);
    const id = this.#nextId++;
    const result = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#child.stdin.write(`${JSON.stringify({ id, name, args })}\n`);
    return (await result) as T;
  }

  /** Ends the process; does nothing the second time. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends the process at once, without a chance to say goodbye. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #onLine(text: string): void {
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      this.#log += `${text}\n`;
      return;
    }
    const waiting = this.#waiting.get(line.id ?? 0);
    this.#waiting.delete(line.id ?? 0);
    if (line.missing !== undefined) waiting?.reject(notInstalled(line.missing));
    else if (line.error !== undefined) waiting?.reject(this.#failure(`${this.#name}: ${line.error}`));
    else waiting?.resolve(line.id === undefined ? line.ready : line.result);
  }

  #failure(what: string): Error {
    const tail = this.#log.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
    return new Error(tail === "" ? what : `${what}, the end of its log:\n${tail}`);
  }
}

/** The libraries that there are clients of. */
export type PythonLibrary = "aioxmpp" | "slixmpp";

/** What a {@link PythonClient} logs in with. */
export interface PythonClientOptions {
  /** The port of a server on the loopback address. */
  readonly port: number;
  readonly jid: string;
  /** "secret" unless given. */
  readonly password?: string;
  /** The interpreter. Debian's packages are for Debian's own, which need not be the first in the PATH. */
  readonly python?: string;
}

/**
 * A client of another implementation, from Debian's packages, that has logged in.
 *
 * @example
 * await using peer = await PythonClient.start("slixmpp", { port: prosody.port, jid: "juliet@localhost/slixmpp" });
 * await peer.request("presence", { to: romeo.jid });
 */
export class PythonClient extends JsonProcess {
  /** Its full JID. */
  readonly jid: string;

  private constructor(library: PythonLibrary, options: PythonClientOptions) {
    const { port, jid, password = "secret", python = "/usr/bin/python3" } = options;
    const script = fileURLToPath(new URL(`../integration/python/${library}_client.py`, import.meta.url));
    const login = JSON.stringify({ port, jid, password });
    super({ name: library, command: python, args: ["-B", script, login] });
    this.jid = jid;
  }

  /** @throws Error when the library is not installed, or cannot log in. */
  static async start(library: PythonLibrary, options: PythonClientOptions): Promise<PythonClient> {
    const client = new PythonClient(library, options);
    try {
      await client.ready();
    } catch (error) {
      // No interpreter, no library: the package brings both.
      throw error instanceof Error && "code" in error && error.code === "ENOENT"
        ? notInstalled(library)
        : error;
    }
    return client;
  }
}

function notInstalled(library: string): Error {
  return new Error(`python3-${library} is not installed: sudo apt-get install python3-${library}`);
}

/** Starts a script in TypeScript as a process of its own. */
export function runScript(script: URL, args: readonly string[]): Promise<JsonProcess> {
  const name = fileURLToPath(script);
  return JsonProcess.run({
    name,
    command: process.execPath,
    args: ["--import", "tsx", name, ...args],
    // From where tsx is found.
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
  });
}
