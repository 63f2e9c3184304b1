// For those whose TypeScript target has no Disposable.
/// <reference lib="esnext.disposable" preserve="true" />
import { onDismissal, type ServiceInstance, summonFor } from "../services/registry.js";
import type { DiscoNode } from "./node.js";
import { DiscoServer } from "./server.js";
import type { MountOptions } from "./tree.js";

/** A feature that lives as long as the service that registered it, or shorter. */
export interface RegisteredFeature extends Disposable {
  /** Its name, as it is told. */
  readonly feature: string;
  /** Whether the feature is told; false for good once the service is dismissed or the handle disposed of. */
  enabled: boolean;
}

/**
 * Tells a feature for as long as a service lives. Where two services hold the same, it is gone when both let go.
 *
 * @throws TypeError when the feature is empty · Error when it is disco#info, which is always there
 * @example
 * class Receipts extends Service {
 *   readonly feature = registerFeature(this, "urn:xmpp:receipts");
 * }
 * xmpp.summon(Receipts).feature.enabled = false;
 */
export function registerFeature(service: ServiceInstance, feature: string): RegisteredFeature {
  const server = summonFor(service, DiscoServer);
  let release: (() => void) | undefined = server.holdFeature(feature);
  let disposed = false;
  const letGo = () => {
    release?.();
    release = undefined;
  };
  const dispose = () => {
    disposed = true;
    letGo();
  };
  onDismissal(service, dispose);
  return {
    feature,
    get enabled() {
      return release !== undefined;
    },
    set enabled(enabled) {
      if (!enabled) letGo();
      else if (!disposed) release ??= server.holdFeature(feature);
    },
    [Symbol.dispose]: dispose,
  };
}

/**
 * Mounts a node on the server for as long as a service lives, and returns it.
 *
 * Two services may mount the same node at the same mountpoint: it is unmounted when both are gone.
 *
 * @throws Error when another node is mounted there · TypeError when the mountpoint is empty or the node is none
 * @example
 * class Rooms extends Service {
 *   readonly node = mountAsNode(this, "https://my.app/rooms", new StaticNode());
 * }
 */
export function mountAsNode<N extends DiscoNode>(
  service: ServiceInstance,
  mountpoint: string,
  node: N,
  options: MountOptions = {},
): N {
  const server = summonFor(service, DiscoServer);
  const mounts = mountsOf(server);
  const known = mounts.get(mountpoint);
  const shared = known?.node === node;
  if (!shared || server.nodeAt(mountpoint) !== node) server.mountNode(mountpoint, node, options);
  if (shared) known.count += 1;
  else mounts.set(mountpoint, { node, count: 1 });
  onDismissal(service, () => {
    const mount = mounts.get(mountpoint);
    if (mount?.node !== node) return;
    mount.count -= 1;
    if (mount.count > 0) return;
    mounts.delete(mountpoint);
    // The application may have unmounted it itself.
    if (server.nodeAt(mountpoint) === node) server.unmountNode(mountpoint);
  });
  return node;
}

/** What services have mounted on a server, and how many of them. */
const mountsOfServers = new WeakMap<DiscoServer, Map<string, { readonly node: DiscoNode; count: number }>>();

function mountsOf(server: DiscoServer) {
  const known = mountsOfServers.get(server);
  if (known !== undefined) return known;
  const mounts: Map<string, { readonly node: DiscoNode; count: number }> = new Map();
  mountsOfServers.set(server, mounts);
  return mounts;
}
