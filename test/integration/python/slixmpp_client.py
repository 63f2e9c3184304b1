"""A client of slixmpp (XEP-0115) that does as it is told, see peer.py."""
import asyncio

import peer

slixmpp = peer.library("slixmpp")


async def main():
    port, jid, password = peer.login()
    xmpp = slixmpp.ClientXMPP(jid, password)
    for plugin in ("xep_0004", "xep_0030", "xep_0115", "xep_0128"):
        xmpp.register_plugin(plugin)
    disco, caps = xmpp["xep_0030"], xmpp["xep_0115"]

    online = asyncio.get_running_loop().create_future()
    xmpp.add_event_handler("session_start", lambda _: online.done() or online.set_result(None))
    for event in ("failed_all_auth", "connection_failed"):
        xmpp.add_event_handler(event, lambda what: online.done() or online.set_exception(Exception(str(what))))
    xmpp.connect(address=("127.0.0.1", port), force_starttls=False, disable_starttls=True)
    await online

    async def announce(identities, features, form=None):
        """Becomes this software, and tells it with every presence from then on; returns the hash."""
        own = [(it["category"], it["type"], it.get("lang"), it.get("name")) for it in identities]
        await disco.set_identities(identities=set(own))
        await disco.set_features(features=set(features))
        if form is not None:
            data = xmpp["xep_0004"].make_form(ftype="result")
            data.add_field(var="FORM_TYPE", ftype="hidden", value=form["formType"])
            for name, value in form["fields"].items():
                data.add_field(var=name, ftype="text-multi" if isinstance(value, list) else None, value=value)
            await disco.set_extended_info(data=data)
        await caps.update_caps(broadcast=False)
        return await caps.get_verstring()

    async def presence(to=None):
        xmpp.send_presence(pto=to)

    async def known(jid):
        """What this client has verified of another by its hash; None as long as there is nothing."""
        info = await caps.get_caps(jid)
        if info is None:
            return None
        info = info["disco_info"] if isinstance(info, slixmpp.Iq) else info
        return {
            "ver": str(await caps.get_verstring(jid)),
            "identities": [dict(zip(("category", "type", "lang", "name"), it)) for it in info["identities"]],
            "features": sorted(info["features"]),
            "forms": [form["values"] for form in info["substanzas"]],
        }

    await peer.serve({"announce": announce, "presence": presence, "known": known})
    await xmpp.disconnect(wait=1)


asyncio.run(main())
