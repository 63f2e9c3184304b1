import Database from "libsql";
import {
  DataForm,
  DiscoInfo,
  type DiscoServer,
  type Identity,
  IqError,
  type Item,
  type ItemInit,
} from "xmpp-disco";

const TABLES = `
CREATE TABLE IF NOT EXISTS identity (
  jid TEXT, node TEXT, category TEXT, type TEXT, lang TEXT, name TEXT,
  PRIMARY KEY (jid, node, category, type, lang)
);
CREATE TABLE IF NOT EXISTS feature (jid TEXT, node TEXT, var TEXT, PRIMARY KEY (jid, node, var));
CREATE TABLE IF NOT EXISTS form (jid TEXT, node TEXT, type TEXT, json TEXT, PRIMARY KEY (jid, node, type));
CREATE TABLE IF NOT EXISTS item (
  id INTEGER PRIMARY KEY, jid TEXT, node TEXT, item TEXT, item_node TEXT, name TEXT,
  UNIQUE (jid, node, item, item_node)
);
CREATE INDEX IF NOT EXISTS item_order ON item (jid, node, id);
CREATE TABLE IF NOT EXISTS seen (jid TEXT, node TEXT, json TEXT, PRIMARY KEY (jid, node));
`;

/** The rows of an owner: an entity, or one of its nodes. */
const OWN = "WHERE jid = ? AND node = ?";

/** How many items are told at a time. */
const PAGE = 100;

type Row = Readonly<Record<string, string | number | null>>;

/** Whose data is meant, as handlers are told. */
interface Owner {
  readonly jid: string | undefined;
  readonly node: string | undefined;
}

/** The columns of an owner; what has no node, or no language, has an empty text there. */
const key = ({ jid, node }: Owner) => [jid ?? "", node ?? ""] as const;

/**
 * Keeps all that a server tells in an SQLite database: its methods (`addItem`, `setFeatures` …) write there, and who
 * asks is answered from there. Nothing of it is held in memory.
 */
export function keepInDatabase(server: DiscoServer, file: string): Database.Database {
  const db = new Database(file);
  db.exec(`PRAGMA journal_mode = WAL; ${TABLES}`);
  answerFrom(db, server);
  writeTo(db, server);
  return db;
}

/** Has who asks answered from the database. `supports` and `hasIdentity` go through `getInfo` by themselves. */
function answerFrom(db: Database.Database, server: DiscoServer): void {
  const all = (sql: string, ...values: unknown[]) => db.prepare(sql).all(...values) as Row[];
  const count = (where: string, ...values: unknown[]) =>
    Number(all(`SELECT count(*) AS count FROM item ${where}`, ...values)[0]?.["count"]);

  server.setNodeHandler("getInfo", (owner) => {
    const identities = all(`SELECT * FROM identity ${OWN}`, ...key(owner)).map(toIdentity);
    const features = all(`SELECT * FROM feature ${OWN}`, ...key(owner)).map((row) => String(row["var"]));
    const forms = all(`SELECT * FROM form ${OWN}`, ...key(owner)).map(toForm);
    // A node without an identity is not there, which is what the server then says.
    return new DiscoInfo({ identities, features, forms });
  });

  server.setNodeHandler("getItems", (owner) => {
    const { max = PAGE, after, before, index = 0 } = owner.page ?? {};
    const limit = Math.min(max, PAGE);
    const total = count(OWN, ...key(owner));
    if (index > 0 && index >= total) throw new IqError("item-not-found");
    const select = (rest: string, ...values: unknown[]) =>
      all(`SELECT * FROM item ${OWN} ${rest}`, ...key(owner), ...values);
    /** The row of an item by its UID: its JID, and its node on a line of its own where it has one. */
    const idOf = (uid: string) => {
      const [jid, node = ""] = uid.split("\n");
      const [row] = select("AND item = ? AND item_node = ?", jid, node);
      if (row === undefined) throw new IqError("item-not-found");
      return row["id"];
    };
    let rows: Row[];
    if (after !== undefined) rows = select("AND id > ? ORDER BY id LIMIT ?", idOf(after), limit);
    else if (before === "") rows = select("ORDER BY id DESC LIMIT ?", limit).reverse();
    else if (before !== undefined)
      rows = select("AND id < ? ORDER BY id DESC LIMIT ?", idOf(before), limit).reverse();
    else rows = select("ORDER BY id LIMIT ? OFFSET ?", limit, index);
    const [first] = rows;
    const place = first === undefined ? 0 : count(`${OWN} AND id < ?`, ...key(owner), first["id"]);
    return { items: rows.map(toItem), index: place, count: total };
  });

  server.setNodeHandler("getCachedInfo", (owner) => {
    const [row] = all(`SELECT * FROM seen ${OWN}`, ...key(owner));
    return row === undefined ? undefined : DiscoInfo.fromJSON(JSON.parse(String(row["json"])), owner);
  });
}

/** Has what the application says written to the database. */
function writeTo(db: Database.Database, server: DiscoServer): void {
  const run = (sql: string, ...values: unknown[]) => db.prepare(sql).run(...values);
  const clear = (table: string, owner: Owner) => run(`DELETE FROM ${table} ${OWN}`, ...key(owner));
  /** Writes all rows of an owner anew; leaves the old ones where that fails. */
  const replace = <T>(table: string, owner: Owner, data: readonly T[], add: (owner: Owner, one: T) => void) =>
    db.transaction(() => {
      clear(table, owner);
      for (const one of data) add(owner, one);
    })();

  const addIdentity = (owner: Owner, { category, type, lang = "", name = null }: Identity | Row) =>
    run(
      "INSERT OR REPLACE INTO identity VALUES (?, ?, ?, ?, ?, ?)",
      ...key(owner),
      category,
      type,
      lang,
      name,
    );
  server.setNodeHandler("addIdentity", (owner) => addIdentity(owner, owner.data));
  server.setNodeHandler("setIdentities", (owner) => replace("identity", owner, owner.data, addIdentity));
  server.setNodeHandler("delIdentities", (owner) => clear("identity", owner));
  server.setNodeHandler("delIdentity", (owner) => {
    const { category, type, lang = null } = owner.data;
    const where = `${OWN} AND category = ? AND type = ? AND lang = coalesce(?, lang)`;
    return run(`DELETE FROM identity ${where}`, ...key(owner), category, type, lang);
  });

  const addFeature = (owner: Owner, feature: string) =>
    run("INSERT OR IGNORE INTO feature VALUES (?, ?, ?)", ...key(owner), feature);
  server.setNodeHandler("addFeature", (owner) => addFeature(owner, owner.data));
  server.setNodeHandler("setFeatures", (owner) => replace("feature", owner, owner.data, addFeature));
  server.setNodeHandler("delFeatures", (owner) => clear("feature", owner));
  server.setNodeHandler("delFeature", (owner) =>
    run(`DELETE FROM feature ${OWN} AND var = ?`, ...key(owner), owner.data),
  );

  const addForm = (owner: Owner, form: DataForm) =>
    run(
      "INSERT OR REPLACE INTO form VALUES (?, ?, ?, ?)",
      ...key(owner),
      form.formType,
      JSON.stringify(form),
    );
  server.setNodeHandler("addForm", (owner) => addForm(owner, owner.data));
  server.setNodeHandler("setForms", (owner) => replace("form", owner, owner.data, addForm));
  server.setNodeHandler("delForm", (owner) =>
    run(`DELETE FROM form ${OWN} AND type = ?`, ...key(owner), owner.data),
  );

  const addItem = (owner: Owner, { jid, node = "", name = null }: ItemInit | Row) =>
    run(
      `INSERT INTO item (jid, node, item, item_node, name) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET name = excluded.name`,
      ...key(owner),
      ...[String(jid), node, name],
    );
  server.setNodeHandler("addItem", (owner) => addItem(owner, owner.data));
  server.setNodeHandler("setItems", (owner) => replace("item", owner, owner.data, addItem));
  server.setNodeHandler("delItems", (owner) => clear("item", owner));
  server.setNodeHandler("delItem", (owner) => {
    const { jid, node = "" } = owner.data;
    return run(`DELETE FROM item ${OWN} AND item = ? AND item_node = ?`, ...key(owner), String(jid), node);
  });

  server.setNodeHandler("cacheInfo", (owner) =>
    run("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", ...key(owner), JSON.stringify(owner.data)),
  );
}

function toIdentity({ category, type, lang, name }: Row): Identity {
  return {
    category: String(category),
    type: String(type),
    ...(lang === "" ? {} : { lang: String(lang) }),
    ...(name === null ? {} : { name: String(name) }),
  };
}

function toForm(row: Row): DataForm {
  return DataForm.fromJSON(JSON.parse(String(row["json"])));
}

function toItem({ item, item_node: node, name }: Row): Item {
  return {
    jid: String(item),
    ...(node === "" ? {} : { node: String(node) }),
    ...(name === null ? {} : { name: String(name) }),
  };
}
