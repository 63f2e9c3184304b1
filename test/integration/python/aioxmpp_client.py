"""A client of aioxmpp (XEP-0115 and XEP-0390) that does as it is told, see peer.py."""
import asyncio

import peer

aioxmpp = peer.library("aioxmpp")
import aioxmpp.connector
import aioxmpp.disco
import aioxmpp.entitycaps
import aioxmpp.hashes
import aioxmpp.security_layer
from aioxmpp.entitycaps import caps115, caps390


def in_the_clear(password):
    """A security layer without TLS, which make_security_layer cannot do."""

    async def give(jid, attempt):
        return password if attempt == 0 else None

    security = aioxmpp.security_layer
    return security.SecurityLayer(
        security.default_ssl_context, security._NullVerifier, False, (security.PasswordSASLProvider(give),)
    )


async def main():
    port, jid, password = peer.login()
    client = aioxmpp.Client(
        aioxmpp.JID.fromstr(jid),
        in_the_clear(password),
        override_peer=[("127.0.0.1", port, aioxmpp.connector.STARTTLSConnector())],
        max_initial_attempts=1,
    )
    server = client.summon(aioxmpp.DiscoServer)
    disco = client.summon(aioxmpp.DiscoClient)
    contacts = client.summon(aioxmpp.PresenceClient)
    entity_caps = client.summon(aioxmpp.EntityCapsService)
    algorithms = (
        caps390.Implementation(aioxmpp.hashes.default_hash_algorithms),
        caps115.Implementation(entity_caps.NODE),
    )

    online = asyncio.get_running_loop().create_future()
    client.on_stream_established.connect(lambda: online.done() or online.set_result(None))
    client.on_failure.connect(lambda error: online.done() or online.set_exception(error))
    client.start()
    await online

    async def announce(identities, features):
        """Becomes this software, and tells it with every presence from then on."""
        names = {}
        for it in identities:
            named = names.setdefault((it["category"], it["type"]), {})
            if "name" in it:
                named[aioxmpp.structs.LanguageTag.fromstr(it["lang"]) if "lang" in it else None] = it["name"]
        before = {key[:2] for key in server.iter_identities()}
        for key, named in names.items():
            (server.set_identity_names if key in before else server.register_identity)(*key, names=named)
        for key in before - names.keys():
            server.unregister_identity(*key)
        for feature in features:
            server.register_feature(feature)

    async def presence(to=None):
        own = aioxmpp.Presence(type_=aioxmpp.PresenceType.AVAILABLE)
        own.to = to and aioxmpp.JID.fromstr(to)
        await client.send(own)

    async def verify(jid):
        """By each hash that another announces, whether what it tells has that hash; None until it has announced."""
        jid = aioxmpp.JID.fromstr(jid)
        announced = contacts.get_peer_resources(jid.bare()).get(jid.resource)
        if announced is None:
            return None
        verdicts = {}
        for algorithm in algorithms:
            for key in algorithm.extract_keys(announced):
                info = await disco.query_info(jid, node=key.node, require_fresh=True, no_cache=True)
                verdicts[key.node] = key.verify(info)
        return verdicts

    async def ask(jid):
        """What another can do, as an application would ask."""
        return sorted((await disco.query_info(aioxmpp.JID.fromstr(jid))).features)

    async def cached():
        """How many hashes it has verified and kept."""
        return len(entity_caps.cache._memory_overlay)

    await peer.serve(
        {"announce": announce, "presence": presence, "verify": verify, "ask": ask, "cached": cached}
    )
    stopped = asyncio.get_running_loop().create_future()
    client.on_stopped.connect(lambda: stopped.set_result(None))
    client.on_failure.connect(lambda _: stopped.done() or stopped.set_result(None))
    client.stop()
    await stopped


asyncio.run(main())
