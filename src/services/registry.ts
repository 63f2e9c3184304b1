import { show } from "../xml/jid.js";
import { isThenable } from "./emitter.js";
import type { Entity } from "./entity.js";

/** What `summon` makes: anything with a client, mostly a {@link Service}. */
export interface ServiceInstance {
  /** The client or component that it belongs to. */
  readonly client: Entity;
  /** Called when it is dismissed: see {@link Service.shutdown}. */
  shutdown?(): void | Promise<void>;
}

/** A class that can be summoned: its constructor takes the client and the options. */
export type ServiceClass<S extends ServiceInstance = ServiceInstance, Options extends object = never> = new (
  client: Entity,
  options?: Options,
) => S;

type AnyServiceClass = ServiceClass<ServiceInstance, never>;

/** One service of one client: what it needs, who needs it, and what goes when it goes. */
interface Entry {
  readonly Class: AnyServiceClass;
  readonly registry: Registry;
  readonly needs: Set<Entry>;
  readonly neededBy: Set<Entry>;
  readonly cleanups: (() => void)[];
  instance: ServiceInstance | undefined;
  /** Whether the application summoned it itself, so that it stays when no other service needs it. */
  wanted: boolean;
  gone: boolean;
  /** Its async shutdown. */
  ending: Promise<void> | undefined;
}

const registries = new WeakMap<object, Registry>();
const entries = new WeakMap<object, Entry>();

/** The services of one client. */
export class Registry {
  readonly #client: Entity;
  readonly #services = new Map<AnyServiceClass, Entry>();
  readonly #building: Entry[] = [];

  constructor(client: Entity) {
    this.#client = client;
  }

  summon<S extends ServiceInstance, O extends object>(
    Class: ServiceClass<S, O>,
    options: O | undefined,
    summoner = this.#building.at(-1),
  ): S {
    if (typeof Class !== "function") throw new TypeError(`summon takes a service class, not ${show(Class)}`);
    // A service that is shutting down has what it summoned, though others get a new one.
    const own = [...(summoner?.needs ?? [])].find((needed) => needed.Class === Class);
    const existing = own ?? this.#services.get(Class as AnyServiceClass);
    if (existing !== undefined && options !== undefined) {
      throw new Error(`${Class.name} is summoned already: options are for the first who summons it`);
    }
    if (existing !== undefined && summoner !== undefined) assertNoCircle(existing, summoner);
    const entry = existing ?? this.#build(Class as AnyServiceClass, options);
    if (summoner === undefined) {
      entry.wanted = true;
    } else {
      summoner.needs.add(entry);
      entry.neededBy.add(summoner);
    }
    // The map holds what `new Class` made.
    return entry.instance as S;
  }

  summoned(Class: AnyServiceClass): ServiceInstance | undefined {
    return this.#services.get(Class)?.instance;
  }

  #build(Class: AnyServiceClass, options: object | undefined): Entry {
    const start = this.#building.findIndex((entry) => entry.Class === Class);
    if (start !== -1) {
      throw circle([...this.#building.slice(start).map((entry) => entry.Class), Class]);
    }
    const entry: Entry = {
      Class,
      registry: this,
      needs: new Set(),
      neededBy: new Set(),
      cleanups: [],
      instance: undefined,
      wanted: false,
      gone: false,
      ending: undefined,
    };
    this.#building.push(entry);
    try {
      entry.instance = new Class(this.#client, options as never);
    } catch (error) {
      quietly(this.#shutDown([entry]));
      throw error;
    } finally {
      this.#building.pop();
    }
    this.#services.set(Class, entry);
    return entry;
  }

  adopt(instance: ServiceInstance, Class: unknown): void {
    const entry = this.#building.at(-1);
    if (entry === undefined || entry.Class !== Class || entries.get(instance) !== undefined) {
      const { name } = Class as { name: string };
      throw new Error(`${name} is not to be constructed: withServices(client).summon(${name}) makes it`);
    }
    entries.set(instance, entry);
  }

  /** Ends a service and, before it, those that need it; resolves when all have shut down. */
  dismiss(Class: AnyServiceClass): Promise<void> {
    const entry = this.#services.get(Class);
    if (entry === undefined) return Promise.resolve();
    const order: Entry[] = [];
    collectDependents(entry, order);
    return quietly(this.#shutDown(order));
  }

  /**
   * Shuts down in this order, and then what nobody needs any more. All that is not async happens before
   * it returns, so that a service is gone when `dismiss` comes back.
   */
  #shutDown(order: Entry[]): Promise<void> {
    for (const entry of order) this.#services.delete(entry.Class);
    const errors: unknown[] = [];
    const queue = [...order];
    const next = (): Promise<void> | undefined => {
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
        const pending = this.#end(entry, errors);
        if (pending !== undefined) {
          const ended = entry;
          // Until then it needs what it summoned, which a new instance may summon, too.
          return pending.then(() => {
            this.#release(ended, queue);
            return next();
          });
        }
        this.#release(entry, queue);
      }
      return undefined;
    };
    const pending = next() ?? Promise.resolve();
    return pending.then(() => {
      if (errors.length === 1) throw errors[0];
      if (errors.length > 1) throw new AggregateError(errors, "several services failed to shut down");
    });
  }

  #end(entry: Entry, errors: unknown[]): Promise<void> | undefined {
    // Another dismissal may have been faster.
    if (entry.gone) return entry.ending;
    try {
      // A service that failed in its constructor has no instance here: its hook cannot know what is there.
      const result: unknown = entry.instance?.shutdown?.();
      if (isThenable(result)) {
        entry.ending = Promise.resolve(result).then(
          () => {},
          (error: unknown) => void errors.push(error),
        );
      }
    } catch (error) {
      errors.push(error);
    }
    entry.gone = true;
    for (const cleanup of entry.cleanups.splice(0).reverse()) {
      try {
        cleanup();
      } catch (error) {
        errors.push(error);
      }
    }
    return entry.ending;
  }

  /** What an ended service needed goes too, unless the application or another service wants it. */
  #release(entry: Entry, queue: Entry[]): void {
    for (const needed of [...entry.needs].reverse()) {
      needed.neededBy.delete(entry);
      if (needed.neededBy.size === 0 && !needed.wanted && this.#services.delete(needed.Class)) {
        queue.push(needed);
      }
    }
    entry.needs.clear();
  }
}

function collectDependents(entry: Entry, order: Entry[]): void {
  if (order.includes(entry)) return;
  for (const dependent of entry.neededBy) collectDependents(dependent, order);
  order.push(entry);
}

/** @throws Error when `summoner`, which is about to need `entry`, is needed by it already */
function assertNoCircle(entry: Entry, summoner: Entry): void {
  const path = pathTo(entry, summoner);
  if (path !== undefined) throw circle([summoner, ...path].map(({ Class }) => Class));
}

function pathTo(from: Entry, to: Entry): Entry[] | undefined {
  if (from === to) return [to];
  for (const needed of from.needs) {
    const path = pathTo(needed, to);
    if (path !== undefined) return [from, ...path];
  }
  return undefined;
}

function circle(classes: AnyServiceClass[]): Error {
  return new Error(`services summon each other in a circle: ${classes.map(({ name }) => name).join(" → ")}`);
}

/** Who awaits the promise sees its rejection; who does not is not ended by it. */
function quietly(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

/** The registry of a client, made on first use. */
export function registryOf(client: Entity): Registry {
  const known = registries.get(client);
  if (known !== undefined) return known;
  const registry = new Registry(client);
  registries.set(client, registry);
  return registry;
}

/** Ties an instance under construction to its client. */
export function adopt(instance: ServiceInstance, client: Entity, Class: unknown): void {
  registryOf(client).adopt(instance, Class);
}

/** Summons on behalf of a service, which then needs what it summoned. */
export function summonFor<S extends ServiceInstance, O extends object>(
  service: ServiceInstance,
  Class: ServiceClass<S, O>,
  options?: O,
): S {
  const entry = entryOf(service);
  return entry.registry.summon(Class, options, entry);
}

/** Has `cleanup` run when the service is dismissed, or when its constructor fails; the last one first. */
export function onDismissal(service: ServiceInstance, cleanup: () => void): void {
  entryOf(service).cleanups.push(cleanup);
}

function entryOf(service: ServiceInstance): Entry {
  const entry = entries.get(service);
  if (entry === undefined) throw new TypeError(`${show(service)} is no summoned service`);
  if (entry.gone) throw new Error(`${entry.Class.name} was dismissed: summon it anew`);
  return entry;
}
