import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";

/** The only address that test servers listen on. */
export const LOOPBACK = "127.0.0.1";

/** Ports of the loopback address that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  // All of them are held until the last one is there, or the kernel might hand one out twice.
  const holders = Array.from({ length: count }, () => createServer().listen(0, LOOPBACK));
  await Promise.all(holders.map((holder) => once(holder, "listening")));
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port);
  await Promise.all(holders.map((holder) => new Promise((closed) => holder.close(closed))));
  return ports;
}

/** Whether something accepts connections on a port of the loopback address. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      // TCP lets a socket meet itself when it is given the very port it connects to.
      resolve(socket.localPort !== port);
      socket.destroy();
    });
  });
}
