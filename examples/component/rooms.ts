import { component } from "@xmpp/component";
import { DataForm, DiscoInfo, DiscoServer, IqError, withServices } from "xmpp-disco";

const MUC = "http://jabber.org/protocol/muc";

/** A room as the application keeps it, in a database as a rule. */
export interface Room {
  readonly jid: string;
  readonly name: string;
  readonly people: number;
}

/** How the component logs in to its server (XEP-0114). */
export interface Login {
  readonly service: string;
  readonly domain: string;
  readonly password: string;
}

/** Connects the component that tells who asks which rooms there are, and what each of them is. */
export async function serveRooms(login: Login, rooms: readonly Room[]) {
  const xmpp = withServices(component(login));
  xmpp.on("error", (error: Error) => console.error(error.message));
  const server = xmpp.summon(DiscoServer);

  // What the service itself is: this is what others find it by.
  server.registerIdentity("conference", "text", { en: "Ten thousand rooms", it: "Diecimila stanze" });
  server.unregisterIdentity("component", "generic");
  server.registerFeature(MUC);

  // Which rooms it has. Who asks for pages (XEP-0059) gets pages, with no more to be done here.
  await server.setItems(rooms);

  // What each room is: one function for all of them, and nothing kept for any.
  const byJid = new Map(rooms.map((room) => [room.jid, room]));
  server.setNodeHandler("getInfo", ({ jid, node }, next) => {
    if (jid === login.domain) return next();
    const room = jid === undefined || node !== undefined ? undefined : byJid.get(jid);
    if (room === undefined) throw new IqError("item-not-found");
    return new DiscoInfo({
      identities: [{ category: "conference", type: "text", name: room.name }],
      features: [MUC, "muc_open", "muc_public", "muc_semianonymous"],
      forms: [
        new DataForm({
          formType: `${MUC}#roominfo`,
          fields: { "muc#roominfo_occupants": String(room.people) },
        }),
      ],
    });
  });

  await xmpp.start();
  return xmpp;
}

const KINDS = "attic balcony bakery bridge cellar chapel court garden library market".split(" ");
const MOODS = "ancient busy crowded draughty empty golden hidden mossy quiet sunny".split(" ");
const CITIES = "Mantua Milan Padua Verona Venice".split(" ");
const NUMBERS = 20;

/** Ten thousand rooms, each with an address and a name of its own. */
export function inventRooms(domain: string): Room[] {
  return CITIES.flatMap((city) =>
    KINDS.flatMap((kind) =>
      MOODS.flatMap((mood) =>
        Array.from({ length: NUMBERS }, (_, index) => {
          const number = index + 1;
          return {
            jid: `${mood}-${kind}-${number}.${city.toLowerCase()}@${domain}`,
            name: `The ${mood} ${kind} of ${city}, no. ${number}`,
            // As if people came and went.
            people: (mood.length * 7 + kind.length * 31 + city.length * 11 + number * number) % 40,
          };
        }),
      ),
    ),
  );
}
