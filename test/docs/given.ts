/** What the pages use without declaring it: what an application would have of its own. */
export interface Given {
  /** An address of somebody, where the page does not care whose. */
  readonly jid: string;
  readonly node: string;
  /** Ends when the page does. */
  readonly signal: AbortSignal;
  readonly database: Database;
  /** A browser's, which Node.js has not. */
  readonly localStorage: Pick<Storage, "getItem" | "setItem">;
  isAdmin(jid: string | undefined): boolean;
  isBlocked(jid: string | undefined): Promise<boolean>;
}

/** Where a component keeps its rooms. */
interface Database {
  room(jid: string | undefined): Promise<Room | undefined>;
  rooms(): AsyncIterable<Room>;
  /** A page of them: `limit` rooms from `offset` on. */
  roomsFrom(offset: number, limit: number): Promise<readonly Room[]>;
  countRooms(): Promise<number>;
  addFeature(jid: string | undefined, feature: string): Promise<void>;
}

interface Room {
  readonly jid: string;
  readonly name: string;
}

const ROOMS: readonly Room[] = ["garden", "balcony", "orchard"].map((name) => ({
  jid: `${name}@rooms.example.org`,
  name: `The ${name}`,
}));

/** The names of what is given. */
export const GIVEN_NAMES = Object.keys(given(new AbortController().signal));

export function given(signal: AbortSignal): Given {
  const stored = new Map<string, string>();
  return {
    jid: "example.org",
    node: "https://my.app/rooms",
    signal,
    database: {
      room: async (jid) => ROOMS.find((room) => room.jid === jid),
      async *rooms() {
        yield* ROOMS;
      },
      roomsFrom: async (offset, limit) => ROOMS.slice(offset, offset + limit),
      countRooms: async () => ROOMS.length,
      addFeature: async () => {},
    },
    localStorage: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
    },
    isAdmin: (jid) => jid === "friar@example.org/cell",
    isBlocked: async () => false,
  };
}
