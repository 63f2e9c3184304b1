import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { IsolatingEmitter, Service } from "../../../src/index.ts";
import { offlineClient, unhandledRejections } from "./support.ts";

class Bell extends IsolatingEmitter<{ ring: [times: number] }> {}

const oops = new Error("oops");
const thrower = () => {
  throw oops;
};
const rejecter = () => Promise.reject(oops);

let log: MockInstance;

beforeEach(() => {
  log = vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  log.mockRestore();
});

describe("an event", () => {
  test("reaches its listeners in order, with what it is emitted with", () => {
    const bell = new Bell();
    const heard: unknown[] = [];
    bell.on("ring", (times) => heard.push(["first", times]));
    bell.on("ring", (times) => heard.push(["second", times]));
    expect(bell.emit("ring", 3)).toBe(true);
    expect(heard).toEqual([
      ["first", 3],
      ["second", 3],
    ]);
  });

  test("that nobody listens for is silent", () => {
    expect(new Bell().emit("ring", 1)).toBe(false);
    expect(log).not.toHaveBeenCalled();
  });

  test("reaches a listener once that asks for it once", () => {
    const bell = new Bell();
    const heard: number[] = [];
    bell.once("ring", (times) => heard.push(times));
    bell.emit("ring", 1);
    bell.emit("ring", 2);
    expect(heard).toEqual([1]);
  });

  test("reaches no listener that was taken away", () => {
    const bell = new Bell();
    const listener = vi.fn();
    bell.on("ring", listener);
    bell.off("ring", listener);
    expect(bell.emit("ring", 1)).toBe(false);
    expect(listener).not.toHaveBeenCalled();
  });

  test("may have a thousand listeners without a warning", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const bell = new Bell();
    for (let count = 0; count < 1000; count += 1) bell.on("ring", () => {});
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test("goes on to those who listen now, though one of them leaves meanwhile", () => {
    const bell = new Bell();
    const heard: string[] = [];
    const second = () => void heard.push("second");
    bell.on("ring", () => {
      heard.push("first");
      bell.off("ring", second);
    });
    bell.on("ring", second);
    bell.emit("ring", 1);
    bell.emit("ring", 2);
    expect(heard).toEqual(["first", "second", "first"]);
  });
});

describe.each([
  ["throws", thrower],
  ["is async and rejects", rejecter],
])("a listener that %s", (_how, listener) => {
  test("disturbs no other listener", () => {
    const bell = new Bell();
    const other = vi.fn();
    bell.on("ring", listener);
    bell.on("ring", other);
    bell.emit("ring", 1);
    expect(other).toHaveBeenCalledExactlyOnceWith(1);
  });

  test("disturbs nobody who emits, nor the process", async () => {
    const bell = new Bell();
    bell.on("ring", listener);
    expect(await unhandledRejections(() => void expect(bell.emit("ring", 1)).toBe(true))).toEqual([]);
  });

  test("is told to those who listen for errors", async () => {
    const bell = new Bell();
    const errors = vi.fn();
    bell.on("error", errors);
    bell.on("ring", listener);
    await unhandledRejections(() => bell.emit("ring", 1));
    expect(errors).toHaveBeenCalledExactlyOnceWith(oops);
    expect(log).not.toHaveBeenCalled();
  });

  test("is logged where nobody listens for errors", async () => {
    const bell = new Bell();
    bell.on("ring", listener);
    await unhandledRejections(() => bell.emit("ring", 1));
    expect(log).toHaveBeenCalledExactlyOnceWith(oops);
  });

  test("is logged where it listens for errors itself, and goes round in no circle", async () => {
    const bell = new Bell();
    const other = vi.fn();
    bell.on("error", listener);
    bell.on("error", other);
    await unhandledRejections(() => bell.emit("error", new Error("first")));
    expect(log).toHaveBeenCalledExactlyOnceWith(oops);
    expect(other).toHaveBeenCalledOnce();
  });

  test("stays, and is called again", async () => {
    const bell = new Bell();
    const errors = vi.fn();
    bell.on("error", errors);
    bell.on("ring", listener);
    await unhandledRejections(() => {
      bell.emit("ring", 1);
      bell.emit("ring", 2);
    });
    expect(errors).toHaveBeenCalledTimes(2);
  });

  test("that asked for one event has had it", async () => {
    const bell = new Bell();
    bell.on("error", () => {});
    bell.once("ring", listener);
    await unhandledRejections(() => bell.emit("ring", 1));
    expect(bell.emit("ring", 2)).toBe(false);
  });
});

describe("the event error", () => {
  test("reaches its listeners", () => {
    const bell = new Bell();
    const errors = vi.fn();
    bell.on("error", errors);
    expect(bell.emit("error", oops)).toBe(true);
    expect(errors).toHaveBeenCalledExactlyOnceWith(oops);
    expect(log).not.toHaveBeenCalled();
  });

  test("that nobody listens for is logged, and ends no process", () => {
    expect(new Bell().emit("error", oops)).toBe(false);
    expect(log).toHaveBeenCalledExactlyOnceWith(oops);
  });
});

test("a service is such an emitter", () => {
  class Doorman extends Service<object, { guest: [name: string] }> {}
  const doorman = offlineClient().summon(Doorman);
  const guests: string[] = [];
  doorman.on("guest", thrower);
  doorman.on("guest", (name) => guests.push(name));
  doorman.emit("guest", "Romeo");
  expect(guests).toEqual(["Romeo"]);
});
