import type { Socket } from "node:net";
import { type Direction, Link, LoopbackProxy } from "./loopback-proxy.ts";
import { Random } from "./random.ts";

/**
 * How a connection breaks: reset on both sides, ended in order on both sides, or half-open, so that nothing comes
 * through any more and nobody is told, until it is reset.
 */
export type Cut = "end" | "reset" | "silence";

/** All ways to break a connection. */
export const CUTS: readonly Cut[] = ["end", "reset", "silence"];

/** What a {@link ChaosProxy} is started with. */
export interface ChaosOptions {
  /** Where it splits, and for how long it delays, follow from this. */
  readonly seed: number;
  /** The probability that some bytes are split and delayed. @default 0.2 */
  readonly unrest?: number;
  /** The longest delay of a part, in milliseconds. @default 3 */
  readonly delay?: number;
  /** The longest silence of a half-open connection, in milliseconds. @default 100 */
  readonly silence?: number;
  /** The direction in which what came at once stays whole, cuts included; both may be split by default. */
  readonly whole?: Direction;
}

/** The same, complete. */
type Settings = Required<Omit<ChaosOptions, "whole">> & Pick<ChaosOptions, "whole">;

/**
 * A TCP proxy that is a bad network: it splits what is sent at any byte, delays it, and cuts connections anywhere, in
 * the middle of a stanza too. What arrives is always a beginning of what was sent: no byte is changed, repeated or left
 * out.
 *
 * @example
 * await using proxy = await ChaosProxy.start(prosody.port, { seed: 1 });
 * const { xmpp } = await connect({ service: `xmpp://127.0.0.1:${proxy.port}`, username: "romeo" });
 * proxy.cutAfter("reset", "down", 500);
 */
export class ChaosProxy extends LoopbackProxy<ChaosLink> {
  /** How many connections were cut, by how. */
  readonly cuts: Record<Cut, number> = { end: 0, reset: 0, silence: 0 };
  readonly #options: Settings;
  /** How the next connections break, and after how many bytes. */
  readonly #doomed: { readonly how: Cut; readonly direction: Direction; readonly bytes: number }[] = [];
  #made = 0;

  private constructor(target: number, options: ChaosOptions) {
    super(target);
    this.#options = { unrest: 0.2, delay: 3, silence: 100, ...options };
  }

  /** Starts to listen on a free port. */
  static async start(target: number, options: ChaosOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(target, options);
    await proxy.listen();
    return proxy;
  }

  /** How many connections were made so far. */
  get made(): number {
    return this.#made;
  }

  /** Breaks all connections now. */
  cut(how: Cut): void {
    for (const link of this.links) link.cut(how);
  }

  /** Breaks the connections there are after so many more bytes that go in a direction. */
  cutAfter(how: Cut, direction: Direction, bytes: number): void {
    for (const link of this.links) link.cutAfter(how, direction, bytes);
  }

  /** Breaks the next connection that is made after so many bytes, in its negotiation if there are few. */
  cutNext(how: Cut, direction: Direction, bytes: number): void {
    this.#doomed.push({ how, direction, bytes });
  }

  /** Has the connections there are carry nothing more, and tells nobody: as when the computer slept for long. */
  freeze(): void {
    for (const link of this.links) link.freeze();
  }

  protected override link(client: Socket, server: Socket): ChaosLink {
    this.#made += 1;
    const random = new Random(this.#options.seed * 100_003 + this.#made);
    const link = new ChaosLink(client, server, this.#options, random, (how) => {
      this.cuts[how] += 1;
    });
    const doom = this.#doomed.shift();
    if (doom !== undefined) link.cutAfter(doom.how, doom.direction, doom.bytes);
    return link;
  }
}

class ChaosLink extends Link {
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  readonly #random: Random;
  readonly #options: Settings;
  readonly #onCut: (how: Cut) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether there is nothing left to cut. */
  #isCut = false;

  constructor(client: Socket, server: Socket, options: Settings, random: Random, onCut: (how: Cut) => void) {
    super(client, server);
    this.#options = options;
    this.#random = random;
    this.#onCut = onCut;
    this.#pipes = {
      up: new Pipe(client, server, options, random, options.whole === "up"),
      down: new Pipe(server, client, options, random, options.whole === "down"),
    };
    client.once("close", () => {
      this.#isCut = true;
      clearTimeout(this.#timer);
    });
  }

  cutAfter(how: Cut, direction: Direction, bytes: number): void {
    if (this.#isCut) return;
    this.#pipes[direction].limit(bytes, () => this.cut(how));
  }

  cut(how: Cut): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#onCut(how);
    this.#closePipes();
    if (how === "end") for (const socket of this.sockets) socket.end();
    // What has arrived may be read yet, or be lost with the reset.
    const patience = how === "silence" ? this.#options.silence : how === "end" ? 50 : 2;
    this.#timer = setTimeout(() => this.reset(), this.#random.below(patience + 1));
  }

  freeze(): void {
    this.#isCut = true;
    this.#closePipes();
  }

  override reset(): void {
    this.#closePipes();
    super.reset();
  }

  #closePipes(): void {
    for (const pipe of Object.values(this.#pipes)) pipe.close();
  }
}

/** One direction of a link: what is taken is passed on in its order, some of it in parts and later. */
class Pipe {
  readonly #to: Socket;
  readonly #options: Settings;
  readonly #random: Random;
  readonly #isWhole: boolean;
  /** What waits to be passed on; undefined is the end. */
  readonly #queue: (Buffer | undefined)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #left = Number.POSITIVE_INFINITY;
  #onLimit: () => void = () => {};
  #isClosed = false;

  constructor(from: Socket, to: Socket, options: Settings, random: Random, isWhole: boolean) {
    this.#to = to;
    this.#isWhole = isWhole;
    this.#options = options;
    this.#random = random;
    from.on("data", (bytes) => this.#take(bytes));
    from.once("end", () => this.#take(undefined));
  }

  limit(bytes: number, onLimit: () => void): void {
    this.#left = bytes;
    this.#onLimit = onLimit;
  }

  /** Passes nothing on any more. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
    clearTimeout(this.#timer);
  }

  #take(bytes: Buffer | undefined): void {
    if (this.#isClosed) return;
    if (bytes === undefined || this.#isWhole || !this.#random.happens(this.#options.unrest)) {
      this.#queue.push(bytes);
    } else {
      for (let rest = bytes; rest.length > 0; ) {
        const length = 1 + this.#random.below(rest.length);
        this.#queue.push(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
    }
    if (this.#timer === undefined) this.#pass(this.#queue.length > 1);
  }

  #pass(later: boolean): void {
    if (later) {
      this.#timer = setTimeout(
        () => {
          this.#timer = undefined;
          this.#pass(false);
        },
        this.#random.below(this.#options.delay + 1),
      );
      return;
    }
    const bytes = this.#queue.shift();
    if (bytes === undefined) {
      this.#to.end();
      return;
    }
    if (bytes.length >= this.#left) {
      this.#to.write(this.#isWhole ? bytes : bytes.subarray(0, this.#left));
      this.#onLimit();
      return;
    }
    this.#left -= bytes.length;
    if (!this.#to.destroyed) this.#to.write(bytes);
    if (this.#queue.length > 0) this.#pass(true);
  }
}
