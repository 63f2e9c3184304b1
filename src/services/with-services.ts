import { show } from "../xml/jid.js";
import type { Entity } from "./entity.js";
import { registryOf, type ServiceClass, type ServiceInstance } from "./registry.js";

/** What {@link withServices} adds to a client. */
export interface Services {
  /**
   * The one instance of a service on this client, made on first use.
   *
   * @throws Error when options are given and it is there already, and when services need each other in a circle
   */
  summon<S extends ServiceInstance, O extends object>(Class: ServiceClass<S, O>, options?: O): S;
  /** The instance of a service where it is summoned; makes none. */
  summoned<S extends ServiceInstance>(Class: ServiceClass<S, never>): S | undefined;
  /**
   * Shuts a service down, after those that summoned it; what it alone needed goes with it.
   *
   * It is gone when the call returns. The promise resolves when async shutdowns have ended, and rejects
   * with what a shutdown threw; the service is gone all the same. It need not be awaited.
   */
  dismiss(Class: ServiceClass<ServiceInstance, never>): Promise<void>;
}

/**
 * Returns the same client or component, with `summon`, `summoned` and `dismiss`; harmless when done twice.
 *
 * @throws TypeError when given something else
 * @example
 * const xmpp = withServices(client({ service, username, password }));
 * const disco = xmpp.summon(DiscoClient);
 */
export function withServices<T extends Entity>(entity: T): T & Services {
  if (
    typeof entity?.send !== "function" ||
    typeof entity.on !== "function" ||
    entity.iqCallee === undefined
  ) {
    throw new TypeError(
      `withServices takes a client of @xmpp/client or a component of @xmpp/component, not ${show(entity)}`,
    );
  }
  const registry = registryOf(entity);
  const services: Services = {
    summon: (Class, options) => registry.summon(Class, options),
    // The registry holds under a class what that class made.
    summoned: (Class) => registry.summoned(Class) as InstanceType<typeof Class> | undefined,
    dismiss: (Class) => registry.dismiss(Class),
  };
  return Object.assign(entity, services);
}
