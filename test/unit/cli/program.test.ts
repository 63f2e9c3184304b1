import { CommanderError } from "commander";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EXIT, Failure } from "../../../src/cli/exit-codes.ts";
import { createProgram } from "../../../src/cli/program.ts";

/** What the command line fails with, and all that it says. */
async function failure(args: readonly string[]): Promise<{ exitCode: number; said: string }> {
  const said: string[] = [];
  const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said.push(String(text));
    return true;
  });
  try {
    await createProgram("1.0.0", new AbortController().signal).parseAsync(args, { from: "user" });
    throw new Error("it did not fail");
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: EXIT.usage, said: said.join("") };
    if (!(error instanceof Failure)) throw error;
    return { exitCode: error.exitCode, said: `${error.message}\n${error.advice}` };
  } finally {
    write.mockRestore();
  }
}

beforeEach(() => {
  for (const name of ["XMPP_JID", "XMPP_SERVICE", "XMPP_PASSWORD"]) vi.stubEnv(name, undefined);
});

afterEach(() => vi.unstubAllEnvs());

describe("what is typed wrong is told before anybody is asked for a password", () => {
  test.each([
    ["no command", [], "Usage: xmpp-disco"],
    ["an unknown command", ["inof", "localhost"], "Did you mean info?"],
    ["an unknown option", ["info", "localhost", "--password", "x"], "unknown option '--password'"],
    ["no JID", ["info"], "missing required argument 'jid'"],
    ["a JID that is none", ["info", "@@"], 'not a JID: "@@"'],
    ["a URI for something else", ["info", "xmpp:localhost?join"], "Leave out ?join"],
    ["a URI that contradicts", ["items", "xmpp:localhost?disco;request=info"], "xmpp-disco info"],
    ["nothing to find", ["find"], "Give --feature, --category or --type"],
    ["a depth that is none", ["tree", "localhost", "--depth", "-1"], "whole number"],
    ["a time that is none", ["info", "localhost", "--timeout", "soon"], "number of seconds"],
    ["an account without a name", ["--jid", "localhost", "info", "localhost"], "It is user@domain"],
    ["two accounts", ["--jid", "a@localhost", "--anonymous", "localhost", "info", "a"], "Give one of them"],
    ["an address that is none", ["--service", "http://localhost", "info", "localhost"], "not an address"],
  ])("%s", async (_what, args, message) => {
    const { exitCode, said } = await failure(["--jid=romeo@localhost", ...args]);
    expect(exitCode).toBe(EXIT.usage);
    expect(said).toContain(message);
  });

  test("a guest with a name", async () => {
    const { said } = await failure(["--anonymous", "a@localhost", "info", "localhost"]);
    expect(said).toContain("domain alone");
  });

  test("nobody to log in as", async () => {
    const { said } = await failure(["info", "localhost"]);
    expect(said).toContain("Give --jid");
  });
});
