// The sockets of a component: in a browser there are none, and the tests put their own in the place.
import { EventEmitter } from "node:events";

export class Socket extends EventEmitter {}
