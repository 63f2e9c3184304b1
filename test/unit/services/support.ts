import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";
import type { Client } from "@xmpp/client";
import { type Services, withServices } from "../../../src/index.ts";
import { MemoryServer, type MemoryServerOptions, memoryClient } from "../../support/memory.ts";

/** A client with services that never was connected. */
export function offlineClient(options?: MemoryServerOptions): Client & Services {
  return withServices(memoryClient(new MemoryServer(options)));
}

/** How many listeners an emitter has to each event. */
export function listenerCounts(emitter: object): Record<string, number> {
  // The types of xmpp.js leave out that its stream management emits events.
  if (!(emitter instanceof EventEmitter)) throw new TypeError("no emitter");
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));
}

/** What a service could leave behind on a client: listeners and properties. */
export function traces(xmpp: object): { listeners: object; properties: Map<PropertyKey, unknown> } {
  const properties = new Map(
    Reflect.ownKeys(xmpp)
      // Node.js keeps the listeners here, which are counted instead.
      .filter((key) => !String(key).startsWith("_events"))
      .map((key) => [key, Reflect.get(xmpp, key)]),
  );
  const streamManagement: unknown = Reflect.get(xmpp, "streamManagement");
  const listeners = {
    client: listenerCounts(xmpp),
    streamManagement: streamManagement instanceof EventEmitter ? listenerCounts(streamManagement) : {},
  };
  return { listeners, properties };
}

/** The names of the properties that have come, gone or changed. */
export function changedProperties(
  before: Map<PropertyKey, unknown>,
  after: Map<PropertyKey, unknown>,
): string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.has(key) !== after.has(key) || before.get(key) !== after.get(key))
    .map(String);
}

/** What is rejected without anybody to catch it while `act` runs, and right after. */
export async function unhandledRejections(act: () => unknown): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const listener = (reason: unknown) => reasons.push(reason);
  process.on("unhandledRejection", listener);
  try {
    await act();
    // Node.js tells of them after the microtasks.
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  } finally {
    process.off("unhandledRejection", listener);
  }
  return reasons;
}

/** Whether a promise is open yet, once all that is due has happened. */
export async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  const close = () => {
    open = false;
  };
  promise.then(close, close);
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  return open;
}

/** A promise, and the way to resolve it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
