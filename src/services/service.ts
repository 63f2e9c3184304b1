import { type Events, IsolatingEmitter } from "./emitter.js";
import type { Entity } from "./entity.js";
import { adopt, type ServiceClass, type ServiceInstance, summonFor } from "./registry.js";

/**
 * The base of all services: one instance to a client, made by `summon` and shut down by `dismiss`.
 *
 * @example
 * class Receipts extends Service {
 *   readonly feature = registerFeature(this, "urn:xmpp:receipts");
 * }
 * const receipts = withServices(client(…)).summon(Receipts);
 */
export abstract class Service<
    Options extends object = Record<string, never>,
    E extends Events = Record<never, never>,
  >
  extends IsolatingEmitter<E>
  implements ServiceInstance
{
  /** The client or component that this service belongs to. */
  readonly client: Entity;
  /** What `summon` was given; empty where it was given nothing. */
  readonly options: Partial<Options>;

  /** @throws Error when constructed directly: services are summoned. */
  constructor(client: Entity, options: Partial<Options> = {}) {
    super();
    adopt(this, client, new.target);
    this.client = client;
    this.options = options;
  }

  /** The instance of a service that this one needs; it is shut down after this one. */
  summon<S extends ServiceInstance, O extends object>(Class: ServiceClass<S, O>, options?: O): S {
    return summonFor(this, Class, options);
  }

  /**
   * A hook for what the service has to clean up itself when it is dismissed; may be async.
   *
   * The services it summoned are still there, and what was tied to it (features, nodes) goes right after.
   */
  shutdown(): void | Promise<void> {}
}
