// What the unit tests take from node:timers/promises, for a browser.

/** Resolves after a while. */
export function setTimeout<T = void>(delay?: number, value?: T): Promise<T> {
  return new Promise((resolve) => {
    globalThis.setTimeout(() => resolve(value as T), delay);
  });
}

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Resolves in the next task. */
export function setImmediate<T = void>(value?: T): Promise<T> {
  return new Promise((resolve) => {
    waiting.push(() => resolve(value as T));
    channel.port2.postMessage(undefined);
  });
}
