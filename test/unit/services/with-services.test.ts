import Connection from "@xmpp/connection";
import { describe, expect, test } from "vitest";
import { Service, withServices } from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { changedProperties, traces } from "./support.ts";

class Plain extends Service {}

describe("withServices", () => {
  test("returns the very client it was given", () => {
    const xmpp = memoryClient(new MemoryServer());
    expect(withServices(xmpp)).toBe(xmpp);
  });

  test("is harmless when done twice: the services stay", () => {
    const xmpp = memoryClient(new MemoryServer());
    const plain = withServices(xmpp).summon(Plain);
    expect(withServices(xmpp)).toBe(xmpp);
    expect(withServices(xmpp).summon(Plain)).toBe(plain);
    expect(withServices(xmpp).summoned(Plain)).toBe(plain);
  });

  test("adds three methods to the client and nothing else", () => {
    const xmpp = memoryClient(new MemoryServer());
    const before = traces(xmpp);
    withServices(xmpp);
    const after = traces(xmpp);
    expect(changedProperties(before.properties, after.properties).sort()).toEqual([
      "dismiss",
      "summon",
      "summoned",
    ]);
    expect(after.listeners).toEqual(before.listeners);
  });

  test("gives methods that need no client in front of them", () => {
    const { summon, summoned, dismiss } = withServices(memoryClient(new MemoryServer()));
    const plain = summon(Plain);
    expect(summoned(Plain)).toBe(plain);
    dismiss(Plain);
    expect(summoned(Plain)).toBeUndefined();
  });

  test("keeps the services of two clients apart", () => {
    const romeo = withServices(memoryClient(new MemoryServer()));
    const juliet = withServices(memoryClient(new MemoryServer()));
    expect(romeo.summon(Plain)).not.toBe(juliet.summon(Plain));
    romeo.dismiss(Plain);
    expect(juliet.summoned(Plain)).toBeInstanceOf(Plain);
  });

  class Bare extends Connection {
    headerElement(): never {
      throw new Error("never connected");
    }
    socketParameters(): undefined {
      return undefined;
    }
  }

  test.each([
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["text", "romeo@montague.example", '"romeo@montague.example"'],
    ["an object that is no client", { send: () => {} }, "an object of class Object"],
    ["a bare connection, which answers no requests", new Bare({}), "an object of class Bare"],
    ["the function that makes clients", memoryClient, "the function memoryClient"],
  ])("says what it takes when it is given %s", (_what, value, shown) => {
    expect(() => withServices(value as never)).toThrow(
      new TypeError(
        `withServices takes a client of @xmpp/client or a component of @xmpp/component, not ${shown}`,
      ),
    );
  });
});
