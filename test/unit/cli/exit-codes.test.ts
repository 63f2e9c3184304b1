import { describe, expect, test } from "vitest";
import {
  EXIT,
  EXIT_MEANINGS,
  Failure,
  loginFailure,
  queryFailure,
  reasonOf,
} from "../../../src/cli/exit-codes.ts";
import { IqError, IqTimeout, MalformedResponse, SessionLost } from "../../../src/index.ts";

test("each kind of failure has a code of its own, and a meaning", () => {
  const codes = Object.values(EXIT);
  expect(new Set(codes).size).toBe(codes.length);
  expect(Object.keys(EXIT_MEANINGS)).toEqual(Object.keys(EXIT));
});

describe("a query that failed", () => {
  test.each([
    ["an error", new IqError("item-not-found"), EXIT.refused, "x answers item-not-found"],
    [
      "an error with a text",
      new IqError("forbidden", { text: "No" }),
      EXIT.refused,
      "x answers forbidden (“No”)",
    ],
    ["a timeout", new IqTimeout(undefined, 2_500), EXIT.timeout, "x: no answer within 2.5 s"],
    [
      "nonsense",
      new MalformedResponse("no query"),
      EXIT.malformed,
      "the answer of x makes no sense: no query",
    ],
    ["the end of the connection", new SessionLost("gone"), EXIT.lost, "gone"],
    ["a bad argument", new TypeError("node has a bad character"), EXIT.usage, "node has a bad character"],
    ["anything", new Error("boo"), EXIT.other, "boo"],
    ["what is no error", "boo", EXIT.other, "boo"],
  ])("by %s ends with its code and says so", (_what, error, exitCode, message) => {
    expect(queryFailure(error, "x")).toMatchObject({ exitCode, message });
  });

  test("by a failure of ours is that", () => {
    const failure = new Failure(EXIT.login, "no");
    expect(queryFailure(failure, "x")).toBe(failure);
  });

  test("in time is advised to wait longer", () => {
    expect(queryFailure(new IqTimeout(undefined, 10_000), "x").advice).toBe("Try --timeout 30.");
  });

  test("with a hostile text is told safely", () => {
    expect(reasonOf(new IqError("forbidden", { text: "\u009b31m" }))).toBe("forbidden (“\\u{9b}31m”)");
  });
});

describe("a log-in that failed", () => {
  const error = (properties: object) => Object.assign(new Error("boo"), properties);
  test.each([
    [
      "a wrong password",
      { name: "SASLError", condition: "not-authorized" },
      EXIT.login,
      "user name and password",
    ],
    [
      "a disabled account",
      { name: "SASLError", condition: "account-disabled" },
      EXIT.login,
      "account-disabled",
    ],
    ["another domain", { name: "StreamError", condition: "host-unknown" }, EXIT.connection, "host-unknown"],
    ["no such host", { code: "ENOTFOUND" }, EXIT.connection, "there is no host s"],
    ["no name server", { code: "EAI_AGAIN" }, EXIT.connection, "cannot be looked up"],
    ["a refused port", { code: "ECONNREFUSED" }, EXIT.connection, "nobody answers at s"],
    [
      "a self-signed certificate",
      { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
      EXIT.connection,
      "does not verify",
    ],
    ["another's certificate", { code: "ERR_TLS_CERT_ALTNAME_INVALID" }, EXIT.connection, "does not verify"],
    ["an expired certificate", { code: "CERT_HAS_EXPIRED" }, EXIT.connection, "does not verify"],
    ["no TLS", { code: "EPROTO" }, EXIT.connection, "does not talk TLS"],
    ["bad XML", { name: "XMLError" }, EXIT.connection, "does not talk XMPP"],
    ["a code that is a number", { code: 9 }, EXIT.connection, "boo"],
    ["no reason at all", { message: "" }, EXIT.connection, "no reason is given"],
  ])("by %s says so", (_what, properties, exitCode, message) => {
    const failure = loginFailure(error(properties), "s");
    expect(failure).toMatchObject({ exitCode, message: expect.stringContaining(message) });
  });
});
