// What the tests use of Node.js besides the library: where a browser has it under another name.

const channel = new MessageChannel();
const due: (() => void)[] = [];
channel.port1.onmessage = () => due.shift()?.();

type Listener = (reason: unknown) => void;

/** The events of Node.js that a browser has too, and what listens for them there; others never happen. */
const EVENTS: ReadonlyMap<string, { event: string; listeners: Map<Listener, (given: Event) => void> }> =
  new Map([
    ["unhandledRejection", { event: "unhandledrejection", listeners: new Map() }],
    ["uncaughtExceptionMonitor", { event: "error", listeners: new Map() }],
  ]);

Object.assign(globalThis, {
  setImmediate: (run: () => void) => {
    due.push(run);
    channel.port2.postMessage(undefined);
  },
  process: {
    ...globalThis.process,
    // Browsers do not tell what the processor spent: the clock's time instead.
    cpuUsage: (since?: { user: number }) => ({
      user: performance.now() * 1_000 - (since?.user ?? 0),
      system: 0,
    }),
    on: (name: string, listener: Listener) => {
      const own = (given: Event) => listener(reasonOf(given));
      const known = EVENTS.get(name);
      if (known === undefined) return;
      known.listeners.set(listener, own);
      addEventListener(known.event, own);
    },
    off: (name: string, listener: Listener) => {
      const known = EVENTS.get(name);
      const own = known?.listeners.get(listener);
      if (known === undefined || own === undefined) return;
      removeEventListener(known.event, own);
      known.listeners.delete(listener);
    },
  },
});

function reasonOf(event: Event): unknown {
  if (event instanceof PromiseRejectionEvent) return event.reason;
  return event instanceof ErrorEvent ? event.error : event;
}
