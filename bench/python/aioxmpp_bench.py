"""aioxmpp as a contender, see bench.py.

Its stream cannot be had without a log-in. Where there is no server, what it sends is taken, and answered, where the
client hands it to the stream; what it is answered with is read from XML as it would be.
"""
import asyncio
import base64
import io
import time

import bench

aioxmpp = bench.peer.library("aioxmpp")
import aioxmpp.connector
import aioxmpp.disco
import aioxmpp.entitycaps
import aioxmpp.hashes
import aioxmpp.security_layer
import aioxmpp.xml
from aioxmpp.disco.xso import InfoQuery
from aioxmpp.entitycaps import caps115, caps390

CALLS = 10_000
JID = aioxmpp.JID.fromstr("romeo@montague.example/orchard")


def read(text, type_=InfoQuery):
    """What aioxmpp makes of an element's XML."""
    return aioxmpp.xml.read_single_xso(io.BytesIO(text.encode()), type_)


def in_the_clear(password):
    """A security layer without TLS, which make_security_layer cannot do."""

    async def give(jid, attempt):
        return password if attempt == 0 else None

    security = aioxmpp.security_layer
    return security.SecurityLayer(
        security.default_ssl_context, security._NullVerifier, False, (security.PasswordSASLProvider(give),)
    )


def client_of(answer, delay=0.0):
    """A client that is answered after a while with what `answer` makes of a node."""
    client = aioxmpp.Client(JID, in_the_clear("secret"))
    client.sent = 0

    async def send(iq):
        client.sent += 1
        await asyncio.sleep(delay)
        return read(answer(iq.payload.node))

    client.send = send
    return client


async def cached(targets):
    texts = bench.infos()
    client = client_of(lambda node: next(texts))
    disco = client.summon(aioxmpp.DiscoClient)
    disco.info_cache_size = targets
    jids = [aioxmpp.JID.fromstr("contact%d@example.org/desk" % index) for index in range(targets)]
    for jid in jids:
        await disco.query_info(jid)
    before = client.sent
    calls = jids * (CALLS // targets)

    async def run():
        for jid in calls:
            await disco.query_info(jid)
        return CALLS

    round_ = await bench.repeat(run)
    if client.sent > before:
        raise ValueError("what is cached was asked for")
    return round_


async def concurrent():
    given = bench.inputs()
    client = client_of(lambda node: given["ownInfo"], given["delay"])
    disco = client.summon(aioxmpp.DiscoClient)
    jid = aioxmpp.JID.fromstr("contact0@example.org/desk")

    async def round_():
        disco.flush_cache()
        before = client.sent
        start = time.perf_counter()
        await asyncio.gather(*(disco.query_info(jid) for _ in range(given["callers"])))
        return {"value": (time.perf_counter() - start) * 1e3, "stanzas": client.sent - before}

    return round_


def of_sha1(capture):
    return caps115.Key("sha-1", "node#" + capture["ver"])


def hash115():
    captures = bench.inputs()["captures"]
    infos = [read(it["xml"]) for it in captures]
    return bench.hashing(infos, lambda info: caps115.hash_query(info, "sha1"), [it["ver"] for it in captures])


def hash390():
    captures = bench.inputs()["captures"]

    def hash_(info):
        return base64.b64encode(caps390._calculate_hash("sha-256", caps390._get_hash_input(info))).decode()

    infos = [read(it["xml"]) for it in captures]
    return bench.hashing(infos, hash_, [it["sha256"] for it in captures])


async def verified():
    captures = bench.inputs()["captures"]
    if not all(of_sha1(it).verify(read(it["xml"])) for it in captures):
        raise ValueError("what matches does not verify")

    def run():
        for it in captures:
            of_sha1(it).verify(read(it["xml"]))
        return len(captures)

    return await bench.repeat(run)


async def presences():
    given = bench.inputs()
    texts = {"%s#%s" % (it["node"], it["ver"]): it["xml"] for it in given["programs"]}
    wire = "".join(given["packets"]).replace("<presence ", '\n<presence xmlns="jabber:client" ').split("\n")[1:]
    contacts = [aioxmpp.JID.fromstr(jid) for jid in given["contacts"]]

    async def round_():
        # Parsed before, and so left out.
        announced = [read(text, aioxmpp.Presence) for text in wire]
        client = client_of(texts.get, given["delay"])
        caps = client.summon(aioxmpp.EntityCapsService)
        disco = client.summon(aioxmpp.DiscoClient)
        start = bench.cpu()
        for presence in announced:
            caps.handle_inbound_presence(presence)
        infos = await asyncio.gather(*(disco.query_info(jid) for jid in contacts))
        used = bench.cpu() - start
        if not all(len(info.features) == 30 for info in infos):
            raise ValueError("an answer is not what it should be")
        return {"value": used / 1e3, "stanzas": client.sent}

    return round_


async def as_client():
    given = bench.inputs()
    client = aioxmpp.Client(
        aioxmpp.JID.fromstr(bench.args["username"] + "@localhost"),
        in_the_clear("secret"),
        override_peer=[("127.0.0.1", int(bench.args["port"]), aioxmpp.connector.STARTTLSConnector())],
        max_initial_attempts=1,
    )
    server = client.summon(aioxmpp.DiscoServer)
    server.register_identity(given["identity"]["category"], given["identity"]["type"])
    server.unregister_identity("client", "bot")
    for feature in given["ownFeatures"]:
        server.register_feature(feature)
    online = asyncio.get_running_loop().create_future()
    client.on_stream_established.connect(lambda: online.done() or online.set_result(None))
    client.on_failure.connect(lambda error: online.done() or online.set_exception(error))
    client.start()
    await online

    async def usage():
        return bench.cpu()

    async def jid():
        return str(client.local_jid)

    return {"cpu": usage, "jid": jid}


async def all_different():
    texts, entries = bench.infos(), bench.inputs()["entries"]
    client = client_of(lambda node: next(texts))
    disco = client.summon(aioxmpp.DiscoClient)

    async def round_():
        before = bench.resident()
        count = 0
        for count in range(1, entries + 1):
            await disco.query_info(aioxmpp.JID.fromstr("contact%d@example.org/desk" % count))
        return {"value": (bench.resident() - before) / count}

    return round_


async def shared():
    given = bench.inputs()
    program = given["programs"][0]
    client = client_of(lambda node: program["xml"])
    caps = client.summon(aioxmpp.EntityCapsService)
    disco = client.summon(aioxmpp.DiscoClient)
    text = (
        '<presence xmlns="jabber:client" from="contact%d@example.org/desk"><c xmlns="http://jabber.org/protocol/caps"'
        ' hash="sha-1" node="%s" ver="%s"/></presence>'
    )

    async def round_():
        before = bench.resident()
        count = len(given["contacts"])
        for index in range(count):
            presence = read(text % (index, program["node"], program["ver"]), aioxmpp.Presence)
            caps.handle_inbound_presence(presence)
            await disco.query_info(presence.from_)
        return {"value": (bench.resident() - before) / count}

    return round_


async def imports():
    return bench.importing("aioxmpp")


bench.main(
    {
        "cachedOne": lambda: cached(1),
        "cachedMany": lambda: cached(10_000),
        "concurrent": concurrent,
        "hash115Of": hash115,
        "hash390Of": hash390,
        "verified": verified,
        "presences": presences,
        "asClient": as_client,
        "allDifferent": all_different,
        "shared": shared,
        "imports": imports,
    }
)
