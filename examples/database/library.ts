// The application: a library whose shelves and books are nodes of a component. It runs as a process of its own, and
// knows nothing when it starts but where its database is: library.ts SERVICE DOMAIN FILE
import { component } from "@xmpp/component";
import { DataForm, DiscoServer, withServices } from "xmpp-disco";
import { keepInDatabase } from "./store.ts";

const LIBRARY = "urn:example:library";
const SHELVES = { drama: "Plays", poetry: "Poems", travel: "Journeys" };
const BOOKS = 500;

/** What the process tells who started it. */
export interface Told {
  readonly books: number;
  readonly isNew: boolean;
}

async function main([service = "", domain = "", file = ""]: readonly string[]): Promise<void> {
  const xmpp = withServices(component({ service, domain, password: "secret" }));
  xmpp.on("error", (error: Error) => console.error(error.message));
  const server = xmpp.summon(DiscoServer);
  const db = keepInDatabase(server, file);

  const isNew = !(await server.supports(LIBRARY));
  if (isNew) {
    db.exec("BEGIN");
    await furnish(server, domain);
    db.exec("COMMIT");
  }
  await xmpp.start();
  const { count } = db.prepare("SELECT count(*) AS count FROM item WHERE node <> ''").get() as {
    count: number;
  };
  process.send?.({ books: count, isNew } satisfies Told);
}

/** Fills the library. It is said to the server as ever; that it goes to a database is the handlers' affair. */
async function furnish(server: DiscoServer, domain: string): Promise<void> {
  await server.addFeature(LIBRARY);
  await server.addIdentity({
    category: "hierarchy",
    type: "branch",
    lang: "en",
    name: "The library of Verona",
  });
  await server.addIdentity({
    category: "hierarchy",
    type: "branch",
    lang: "it",
    name: "La biblioteca di Verona",
  });
  const hours = new DataForm({
    formType: LIBRARY,
    fields: { open: ["Monday", "Thursday"], founded: "1402" },
  });
  await server.addForm(hours);
  for (const [shelf, name] of Object.entries(SHELVES)) {
    await server.addItem({ jid: domain, node: shelf, name });
    await server.addIdentity({ category: "hierarchy", type: "branch", name }, { node: shelf });
    for (let number = 1; number <= BOOKS; number++) {
      const node = `${shelf}/${number}`;
      const title = `${name}, volume ${number}`;
      await server.addItem({ jid: domain, node, name: title }, { node: shelf });
      await server.addIdentity({ category: "hierarchy", type: "leaf", name: title }, { node });
    }
  }
}

await main(process.argv.slice(2));
