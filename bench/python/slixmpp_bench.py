"""slixmpp as a contender, see bench.py."""
import asyncio
import xml.etree.ElementTree as ET

import bench

slixmpp = bench.peer.library("slixmpp")
from slixmpp.plugins.xep_0030.stanza import DiscoInfo
from slixmpp.stanza import Iq

PLUGINS = ("xep_0004", "xep_0030", "xep_0115", "xep_0128")
CALLS = 10_000
JID = "romeo@montague.example/orchard"


def connected(answer, plugins=PLUGINS, delay=0.0):
    """A client over a stream in memory, after its log-in."""
    xmpp = slixmpp.ClientXMPP(JID, "secret")
    for plugin in plugins:
        xmpp.register_plugin(plugin)
    transport = bench.Transport(answer, xmpp.data_received, delay)
    xmpp.connection_made(transport)
    xmpp._always_send_everything = True
    xmpp.data_received(
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
        b"id='s' version='1.0' from='montague.example'>"
    )
    xmpp.session_bind_event.set()
    xmpp._run_out_filters = asyncio.ensure_future(xmpp.run_filters())
    return xmpp, transport


def read(text):
    """What slixmpp makes of the XML of a query."""
    iq = Iq(xml=ET.fromstring('<iq xmlns="jabber:client" type="result">%s</iq>' % text))
    return iq["disco_info"]


async def cached(targets):
    texts = bench.infos()
    xmpp, transport = connected(lambda node: next(texts))
    disco = xmpp["xep_0030"]
    jids = ["contact%d@example.org/desk" % index for index in range(targets)]
    for jid in jids:
        iq = await disco.get_info(jid)
        await disco.api["cache_info"](jid, None, None, iq["disco_info"])
    before = transport.stanzas
    calls = jids * (CALLS // targets)

    async def run():
        for jid in calls:
            await disco.get_info(jid, cached=True)
        return CALLS

    round_ = await bench.repeat(run)
    if transport.stanzas > before:
        raise ValueError("what is cached was asked for")
    return round_


def hash115():
    xmpp, _ = connected(None)
    captures = bench.inputs()["captures"]
    caps = xmpp["xep_0115"]
    infos = [read(it["xml"]) for it in captures]
    return bench.hashing(infos, lambda info: caps.generate_verstring(info, "sha-1"), [it["ver"] for it in captures])


async def verified():
    xmpp, _ = connected(None)
    caps = xmpp["xep_0115"]
    captures = bench.inputs()["captures"]
    for it in captures:
        if not await caps._validate_caps(read(it["xml"]), "sha-1", it["ver"]):
            raise ValueError("what matches does not verify: " + it["xml"])

    async def run():
        for it in captures:
            await caps._validate_caps(read(it["xml"]), "sha-1", it["ver"])
        return len(captures)

    return await bench.repeat(run)


async def presences():
    given = bench.inputs()
    texts = {"%s#%s" % (it["node"], it["ver"]): it["xml"] for it in given["programs"]}

    async def round_():
        xmpp, transport = connected(texts.get, delay=given["delay"])
        caps = xmpp["xep_0115"]
        # Parsed before, and so left out.
        wire = '<stream xmlns="jabber:client">%s</stream>' % "".join(given["packets"])
        elements = list(ET.fromstring(wire))
        start = bench.cpu()
        for index, element in enumerate(elements):
            # It asks by itself when a presence arrives.
            xmpp._spawn_event(element)
            if index % given["packet"] == given["packet"] - 1:
                await asyncio.sleep(given["delay"])
        for jid in given["contacts"]:
            while await caps.get_caps(jid) is None:
                await asyncio.sleep(0.005)
        used = bench.cpu() - start
        xmpp._run_out_filters.cancel()
        return {"value": used / 1e3, "stanzas": transport.stanzas}

    return round_


async def as_client():
    given = bench.inputs()
    xmpp = slixmpp.ClientXMPP(bench.args["username"] + "@localhost", "secret")
    xmpp.register_plugin("xep_0030")
    online = asyncio.get_running_loop().create_future()
    xmpp.add_event_handler("session_start", lambda _: online.done() or online.set_result(None))
    xmpp.connect(address=("127.0.0.1", int(bench.args["port"])), force_starttls=False, disable_starttls=True)
    await online
    disco = xmpp["xep_0030"]
    await disco.set_identities(identities={(given["identity"]["category"], given["identity"]["type"], None, None)})
    for feature in given["ownFeatures"]:
        await disco.add_feature(feature)

    async def jid():
        return xmpp.boundjid.full

    return {"cpu": usage, "jid": jid}


async def as_component():
    given = bench.inputs()
    xmpp = slixmpp.ComponentXMPP(given["domain"], "secret", "127.0.0.1", int(bench.args["port"]))
    xmpp.register_plugin("xep_0030")
    online = asyncio.get_running_loop().create_future()
    xmpp.add_event_handler("session_start", lambda _: online.done() or online.set_result(None))
    xmpp.connect()
    await online
    disco = xmpp["xep_0030"]
    for index in range(given["componentJids"]):
        jid = "j%d@%s" % (index, given["domain"])
        await disco.add_identity(given["identity"]["category"], given["identity"]["type"], jid=jid)
        for feature in ["http://jabber.org/protocol/disco#info", *given["ownFeatures"]]:
            await disco.add_feature(feature, jid=jid)
    return {"cpu": usage}


async def usage():
    return bench.cpu()


async def memory():
    texts, entries = bench.infos(), bench.inputs()["entries"]
    xmpp, _ = connected(lambda node: next(texts))
    disco = xmpp["xep_0030"]

    async def round_():
        before = bench.resident()
        count = 0
        for _ in range(entries):
            jid = "contact%d@example.org/desk" % count
            iq = await disco.get_info(jid)
            await disco.api["cache_info"](jid, None, None, iq["disco_info"])
            count += 1
        return {"value": (bench.resident() - before) / count}

    return round_


async def imports():
    return bench.importing("slixmpp")


bench.main(
    {
        "cachedOne": lambda: cached(1),
        "cachedMany": lambda: cached(10_000),
        "hash115Of": hash115,
        "verified": verified,
        "presences": presences,
        "asClient": as_client,
        "asComponent": as_component,
        "allDifferent": memory,
        "imports": imports,
    }
)
