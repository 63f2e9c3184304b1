/**
 * Service discovery for xmpp.js: ask other XMPP entities what they are and can do, and answer when they ask.
 *
 * @packageDocumentation
 */

export type { AnnouncedHash, CapsAlgorithm, Flaw } from "./caps/algorithm.js";
export {
  type CapsStore,
  EntityCapsCache,
  type EntityCapsCacheOptions,
  type TrustedCaps,
} from "./caps/cache.js";
export { type EntityCapsEvents, type EntityCapsOptions, EntityCapsService } from "./caps/service.js";
export { type Caps115, type Caps115Init, NS_CAPS, xep0115 } from "./caps/xep0115.js";
export {
  type CapabilityHash,
  type Caps390Init,
  type HashSet,
  NS_CAPS2,
  NS_HASHES,
  UnhashableInfo,
  xep0390,
} from "./caps/xep0390.js";
export {
  DiscoClient,
  type DiscoClientEvents,
  type DiscoClientOptions,
} from "./disco/client.js";
export type {
  DomainOptions,
  DomainResult,
  FindOptions,
  ServiceQuery,
  WalkOptions,
  WalkProgress,
  WalkResult,
} from "./disco/finding.js";
export {
  DiscoInfo,
  type DiscoInfoInit,
  type DiscoInfoJSON,
  type Identity,
  type IdentityQuery,
  type Source,
} from "./disco/info.js";
export { type ItemPage, type PageStart, uidOf } from "./disco/item-page.js";
export { ItemPages, type PageOptions } from "./disco/item-pages.js";
export {
  DiscoItems,
  type DiscoItemsInit,
  type DiscoItemsJSON,
  type Item,
  type ItemInit,
} from "./disco/items.js";
export type { AnswerLimits } from "./disco/limits.js";
export type { DiscoStats, QueryOptions } from "./disco/lookup.js";
export { NS_DISCO_INFO, NS_DISCO_ITEMS } from "./disco/namespaces.js";
export {
  DiscoNode,
  type DiscoNodeEvents,
  type DiscoRequest,
  type MaybeAsyncIterable,
  type Names,
} from "./disco/node.js";
export type {
  IdentityKey,
  NodeAction,
  NodeActions,
  NodeContext,
  NodeHandler,
  Owner,
} from "./disco/node-handlers.js";
export { mountAsNode, type RegisteredFeature, registerFeature } from "./disco/registration.js";
export { type AnswerPolicy, DiscoServer, type ItemsQuery, type Query } from "./disco/server.js";
export { StaticNode } from "./disco/static-node.js";
export { DiscoTree, type MountOptions } from "./disco/tree.js";
export {
  DataForm,
  type DataFormInit,
  type DataFormJSON,
  type FormField,
  NS_DATA_FORMS,
} from "./forms/data-form.js";
export {
  type ErrorType,
  IqError,
  type IqErrorInit,
  IqTimeout,
  MalformedResponse,
  ServiceDismissed,
  SessionLost,
  XMPPError,
} from "./iq/errors.js";
export {
  type IqHandler,
  type IqSelector,
  IqService,
  type IqServiceEvents,
  type RequestOptions,
} from "./iq/iq-service.js";
export type { WaitOptions } from "./iq/wait.js";
export { PresenceReach, reachedByPresence } from "./presence/reach.js";
export { NS_RSM, type PageRequest, type ResultSet } from "./rsm/result-set.js";
export { type Events, IsolatingEmitter } from "./services/emitter.js";
export type { Entity, IqCallee, IqContext, StreamManagement } from "./services/entity.js";
export type { ServiceClass, ServiceInstance } from "./services/registry.js";
export { Service } from "./services/service.js";
export { type Services, withServices } from "./services/with-services.js";
export type { Address } from "./xml/jid.js";
