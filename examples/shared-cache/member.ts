import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Redis } from "../../test/support/redis.ts";
import type { Person, Server } from "../contacts/people.ts";
import type { Answer, Question } from "./process.ts";

/** One of the processes, as the one that started it sees it. */
export class Member implements AsyncDisposable {
  /** How it found out first what a program can do. */
  readonly learnt = new Map<string, string>();
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start({ service, domain, password }: Server, username: string, redis: Redis): Promise<Member> {
    const login = JSON.stringify({ service, domain, password });
    const child = fork(new URL("./process.ts", import.meta.url), [login, username, redis.url]);
    const member = new Member(child);
    await member.#next();
    return member;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How many contacts it has asked so far. */
  get asked(): number {
    return [...this.learnt.values()].filter((how) => how.startsWith("asked")).length;
  }

  /** Has it find out what these people's programs can do; returns how it did. */
  async ask(people: readonly Person[]): Promise<ReadonlyMap<string, string>> {
    const question: Question = people.map(({ jid, program, announcements }) => ({
      jid,
      program,
      announcements,
    }));
    this.#child.send(question);
    const answer = (await this.#next()) as Answer;
    for (const [program, how] of answer) {
      if (!this.learnt.has(program)) this.learnt.set(program, how);
    }
    return new Map(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#child.connected) return;
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }

  /** The next message from the process. @throws Error when it ends instead */
  async #next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error("a process has ended"));
      this.#child.once("exit", onExit);
      this.#child.once("message", (message) => {
        this.#child.off("exit", onExit);
        resolve(message);
      });
    });
  }
}
