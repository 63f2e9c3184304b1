import { jid } from "@xmpp/jid";
import { expect, test } from "vitest";
import {
  ask,
  connect,
  ends,
  expectNoStrays,
  KINDS,
  markOf,
  PEER,
  query,
  reply,
  requestsAt,
  theRequestAt,
} from "./support.ts";

expectNoStrays();

/** Questions that are none of each other. */
const questions = [
  ["another JID", "words.shakespeare.example", {}],
  ["a node", PEER, { node: "n" }],
  ["another node", PEER, { node: "N" }],
  ["a resource", `juliet@${PEER}/balcony`, {}],
  ["a resource in another case", `juliet@${PEER}/Balcony`, {}],
  ["a bare JID", `juliet@${PEER}`, {}],
  ["who asks", PEER, { from: "gateway.example" }],
  ["who asks with a node", PEER, { from: "gateway.example", node: "n" }],
  ["somebody else who asks", PEER, { from: "romeo@gateway.example" }],
] as const;

test.each(KINDS)("%s keeps JID, node and from apart", async (name) => {
  const stage = await connect();
  const asked = [
    query(stage, name),
    ...questions.map(([, jid, options]) => query(stage, name, jid, options)),
  ];
  const requests = await requestsAt(stage.server, asked.length);
  requests.forEach((request, i) => {
    stage.server.send(reply(request, String(i)));
  });
  await ends(asked);
  expect(asked.map(({ value }) => markOf(value))).toEqual(requests.map((_, i) => String(i)));
  const again = questions.map(([, jid, options]) => query(stage, name, jid, options));
  await ends(again);
  expect(again.map(({ value }) => markOf(value))).toEqual(questions.map((_, i) => String(i + 1)));
  await requestsAt(stage.server, asked.length);
});

test("info and items of the same target are two questions", async () => {
  const stage = await connect();
  const asked = [query(stage, "queryInfo"), query(stage, "queryItems")];
  const requests = await requestsAt(stage.server, 2);
  expect(requests.map((request) => request.getChildElements()[0]?.attrs["xmlns"])).toEqual(
    KINDS.map(([, { xmlns }]) => xmlns),
  );
  for (const request of requests) stage.server.send(reply(request, "mark"));
  await ends(asked);
  expect(asked.map(({ state }) => state)).toEqual(["answered", "answered"]);
});

test("a request carries its node and who asks", async () => {
  const stage = await connect();
  query(stage, "queryInfo", PEER, { node: "n", from: "Gateway.example/R" });
  const request = await theRequestAt(stage.server);
  expect(request.attrs).toMatchObject({ to: PEER, from: "gateway.example/R" });
  expect(request.getChild("query")?.attrs["node"]).toBe("n");
});

test("JIDs that differ in the case of their local part or domain are one", async () => {
  const stage = await connect();
  const asked = ["Juliet@Capulet.EXAMPLE/Balcony", "juliet@capulet.example/Balcony"].map((jid) =>
    query(stage, "queryInfo", jid),
  );
  const request = await theRequestAt(stage.server);
  expect(request.attrs["to"]).toBe("juliet@capulet.example/Balcony");
  stage.server.send(reply(request, "shared"));
  await ends(asked);
  expect(asked[0]?.value).toBe(asked[1]?.value);
  expect(asked[0]?.value?.jid).toBe("juliet@capulet.example/Balcony");
});

test("a JID may be given as a JID", async () => {
  const stage = await connect();
  const asked = [
    ask(stage.disco.queryInfo(jid("juliet", "capulet.example"))),
    query(stage, "queryInfo", "juliet@capulet.example"),
  ];
  stage.server.send(reply(await theRequestAt(stage.server), "shared"));
  await ends(asked);
  expect(asked[1]?.value).toBe(asked[0]?.value);
});

test("no node, null and the empty node are one", async () => {
  const stage = await connect();
  const asked = [undefined, null, ""].map((node) => query(stage, "queryInfo", PEER, { node }));
  const request = await theRequestAt(stage.server);
  expect(request.getChild("query")?.attrs["node"]).toBeUndefined();
  stage.server.send(reply(request, "shared"));
  await ends(asked);
  expect(asked[0]?.value?.node).toBeUndefined();
});

test("to ask as oneself is the same as to ask", async () => {
  const stage = await connect();
  const asked = [undefined, stage.server.jid, "Romeo@Montague.example/orchard"].map((from) =>
    query(stage, "queryInfo", PEER, { from }),
  );
  stage.server.send(reply(await theRequestAt(stage.server), "shared"));
  await ends(asked);
  expect(new Set(asked.map(({ value }) => value)).size).toBe(1);
});

test("ids cannot be guessed: they are random and never repeated", async () => {
  const stage = await connect();
  for (let i = 0; i < 50; i += 1) query(stage, "queryInfo", `peer${i}.example`);
  const ids = (await requestsAt(stage.server, 50)).map((request) => String(request.attrs["id"]));
  expect(new Set(ids).size).toBe(50);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/);
});
