import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { accepts, freePorts } from "./ports.ts";

/** Which program a server is. */
export interface Program {
  /** As it is called in messages. */
  readonly name: string;
  /** As it is found in the PATH. */
  readonly command: string;
  /** The Debian package it comes from. */
  readonly debian: string;
}

/** How a server is started. */
export interface Launch {
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

const ATTEMPTS = 5;
const PATIENCE_MS = 25_000;
const POLL_MS = 10;
const LOG_TAIL_LINES = 20;
const PORT_TAKEN = /address (is )?already in use|port is in use/i;

interface Leftover {
  readonly folder: string;
  child?: ChildProcess;
}

const leftovers = new Set<Leftover>();

function removeLeftovers(): void {
  for (const { child, folder } of leftovers) {
    child?.kill("SIGKILL");
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // The process is ending: there is nobody left to tell.
    }
  }
  leftovers.clear();
}

process.on("exit", removeLeftovers);
// Vitest ends its workers with SIGTERM, and a process that dies of a signal emits no "exit".
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    removeLeftovers();
    process.kill(process.pid, signal);
  });
}

let guard: Promise<readonly string[]> | undefined;

/** The prefix of a command line which has the kernel kill the command when this process is gone. */
function parentDeathGuard(): Promise<readonly string[]> {
  // What neither "exit" nor a signal handler sees: SIGKILL, and the end of a worker thread.
  const prefix = ["setpriv", "--pdeathsig", "KILL", "--"] as const;
  guard ??= new Promise((resolve) => {
    const [command, ...args] = prefix;
    execFile(command, [...args, "true"], (error) => resolve(error === null ? prefix : []));
  });
  return guard;
}

async function isInstalled(command: string): Promise<boolean> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    try {
      await access(join(folder, command), constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
    }
  }
  return false;
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

class PortTakenError extends Error {}

/**
 * A server that runs as a child process, on free ports of the loopback address and in a temporary folder.
 *
 * It does not survive this process, however that one ends.
 */
export abstract class ServerProcess implements AsyncDisposable {
  readonly #program: Program;
  readonly #portCount: number;
  #ports: readonly number[] = [];
  #launch: Launch | undefined;
  #trace: Leftover | undefined;
  #stopped: Promise<void> | undefined;

  protected constructor(program: Program, portCount: number) {
    this.#program = program;
    this.#portCount = portCount;
  }

  /** Writes what the server needs into the folder; once for each set of ports that is tried. */
  protected abstract prepare(): Promise<Launch>;

  /** The folder that is the server's own, and its working directory. */
  get folder(): string {
    if (!this.#trace) throw new Error(`${this.#program.name} has not been started`);
    return this.#trace.folder;
  }

  /** The id of the process; undefined while it is not running. */
  get pid(): number | undefined {
    const child = this.#trace?.child;
    return child && !hasExited(child) ? child.pid : undefined;
  }

  /** Kills the server outright; its folder and its ports remain, so that it can be restarted. */
  async kill(): Promise<void> {
    const child = this.#trace?.child;
    if (!child || hasExited(child)) return;
    const exit = once(child, "exit");
    child.ref();
    child.kill("SIGKILL");
    await exit;
  }

  /** Starts the server again with the same folder and ports, after it has been killed if it still runs. */
  async restart(): Promise<void> {
    if (this.#stopped) throw new Error(`${this.#program.name} has been stopped`);
    await this.kill();
    try {
      await this.#run();
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Kills the server and removes its folder; does nothing the second time. */
  stop(): Promise<void> {
    this.#stopped ??= this.#remove();
    return this.#stopped;
  }

  /** All that the server has written to its log, over all restarts. */
  async log(): Promise<string> {
    return readFile(this.#logFile, "utf8").catch(() => "");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Starts the server for the first time. */
  protected async launch(): Promise<this> {
    const { command, debian } = this.#program;
    if (!(await isInstalled(command))) throw this.notInstalled();
    this.#trace = { folder: await mkdtemp(join(tmpdir(), `xmpp-disco-${debian}-`)) };
    leftovers.add(this.#trace);
    try {
      for (let attempt = 1; ; attempt++) {
        this.#ports = await freePorts(this.#portCount);
        this.#launch = await this.prepare();
        try {
          await this.restart();
          return this;
        } catch (error) {
          // Others look for free ports too, and one of them may have been quicker.
          if (!(error instanceof PortTakenError) || attempt === ATTEMPTS) throw error;
        }
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** What to throw when the program, or a part of it, is not there. */
  protected notInstalled(): Error {
    const { name, debian } = this.#program;
    return new Error(`${name} is not installed: sudo apt-get install ${debian}`);
  }

  /** One of the server's ports. */
  protected portAt(index: number): number {
    const port = this.#ports[index];
    if (port === undefined) throw new Error(`${this.#program.name} has no port ${index}`);
    return port;
  }

  /** The ports that accept connections once the server is ready. */
  protected listening(): readonly number[] {
    return this.#ports;
  }

  /** Whether the server can be used. */
  protected async isReady(): Promise<boolean> {
    return (await Promise.all(this.listening().map(accepts))).every(Boolean);
  }

  get #logFile(): string {
    return join(this.folder, "log");
  }

  async #run(): Promise<void> {
    const { name } = this.#program;
    // Else whoever has the port would be taken for the server, as soon as it accepts a connection.
    const taken = (await Promise.all(this.#ports.map(accepts))).some(Boolean);
    if (taken) throw new PortTakenError(`A port of ${name} is in use`);
    const logged = (await this.log()).length;
    const child = await this.#spawn();
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const exited = hasExited(child);
      const ready = !exited && (await this.isReady());
      // Read last, since a server may run on without a port that is taken, by one that accepts connections.
      const log = (await this.log()).slice(logged);
      if (PORT_TAKEN.test(log)) throw new PortTakenError(failure(`${name} could not get its ports`, log));
      if (exited) {
        throw new Error(failure(`${name} exited early (${child.signalCode ?? child.exitCode})`, log));
      }
      if (ready) return;
      if (performance.now() > deadline) throw new Error(failure(`${name} did not get ready`, log));
      await sleep(POLL_MS);
    }
  }

  async #spawn(): Promise<ChildProcess> {
    const trace = this.#trace;
    if (!trace || !this.#launch) throw new Error(`${this.#program.name} has not been started`);
    const { args, env } = this.#launch;
    const [command, ...rest] = [...(await parentDeathGuard()), this.#program.command, ...args];
    const log = openSync(this.#logFile, "a");
    try {
      const child = spawn(command as string, rest, {
        cwd: trace.folder,
        env: { ...process.env, ...env },
        stdio: ["ignore", log, log],
      });
      trace.child = child;
      await once(child, "spawn");
      // A server that nobody stopped must not keep this process from ending.
      child.unref();
      return child;
    } finally {
      closeSync(log);
    }
  }

  async #remove(): Promise<void> {
    await this.kill();
    if (!this.#trace) return;
    await rm(this.#trace.folder, { recursive: true, force: true, maxRetries: 5 });
    leftovers.delete(this.#trace);
  }
}

function failure(what: string, log: string): string {
  const tail = log.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  return `${what}, the end of its log:\n${tail}`;
}
