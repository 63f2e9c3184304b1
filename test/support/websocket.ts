import { WebSocket } from "ws";

/** Gives Node.js 20 the global WebSocket that `@xmpp/websocket` needs; later versions have their own. */
export function installWebSocket(): void {
  globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;
}
