/** Where a feature is defined. */
export interface FeatureDocument {
  /** Such as `XEP-0030` or `RFC 6121`. */
  readonly document: string;
  readonly title: string;
}

/**
 * The document that defines a feature, undefined where it is not a well-known one.
 *
 * A feature belongs to a namespace when it is the namespace, or continues it after `#`, `:` or `/`; `+notify` asks for
 * the events of what stands before it (XEP-0163).
 */
export function describeFeature(feature: string): FeatureDocument | undefined {
  // No known one is nearly as long.
  if (feature.length > MAX_LENGTH) return undefined;
  const name = feature.replace(/\+notify$/, "");
  for (let at = name.length; at > 0; at = name.slice(0, at).search(/[#:/][^#:/]*$/)) {
    const known = DOCUMENTS.get(name.slice(0, at));
    if (known !== undefined) return known;
  }
  return undefined;
}

const MAX_LENGTH = 1_000;

type Definition = readonly [number: number, title: string, ...namespaces: string[]];

/** What a room says of itself, without a namespace. */
const ROOM_FEATURES = [
  ...["muc_hidden", "muc_public", "muc_membersonly", "muc_open", "muc_moderated", "muc_unmoderated"],
  ...["muc_nonanonymous", "muc_semianonymous", "muc_passwordprotected", "muc_unsecured"],
  ...["muc_persistent", "muc_temporary", "muc_rooms"],
] as const;

/** The RFCs by number, with the namespaces and features that each defines. */
const RFCS: readonly Definition[] = [
  [
    6120,
    "XMPP: Core",
    "jabber:client",
    "jabber:server",
    "urn:ietf:params:xml:ns:xmpp-bind",
    "urn:ietf:params:xml:ns:xmpp-sasl",
    "urn:ietf:params:xml:ns:xmpp-stanzas",
    "urn:ietf:params:xml:ns:xmpp-streams",
    "urn:ietf:params:xml:ns:xmpp-tls",
  ],
  [
    6121,
    "XMPP: Instant Messaging and Presence",
    "jabber:iq:roster",
    "urn:ietf:params:xml:ns:xmpp-session",
    "urn:xmpp:features:pre-approval",
  ],
  [7395, "An XMPP Subprotocol for WebSocket", "urn:ietf:params:xml:ns:xmpp-framing"],
];

/** The XEPs by number, with the namespaces that each defines. */
const XEPS: readonly Definition[] = [
  [4, "Data Forms", "jabber:x:data"],
  [9, "Jabber-RPC", "jabber:iq:rpc"],
  [12, "Last Activity", "jabber:iq:last"],
  [13, "Flexible Offline Message Retrieval", "http://jabber.org/protocol/offline"],
  [16, "Privacy Lists", "jabber:iq:privacy"],
  [20, "Feature Negotiation", "http://jabber.org/protocol/feature-neg"],
  [22, "Message Events", "jabber:x:event"],
  [23, "Message Expiration", "jabber:x:expire"],
  [27, "Current Jabber OpenPGP Usage", "jabber:x:encrypted", "jabber:x:signed"],
  [30, "Service Discovery", "http://jabber.org/protocol/disco"],
  [33, "Extended Stanza Addressing", "http://jabber.org/protocol/address"],
  [45, "Multi-User Chat", "http://jabber.org/protocol/muc", ...ROOM_FEATURES],
  [47, "In-Band Bytestreams", "http://jabber.org/protocol/ibb"],
  [48, "Bookmarks", "storage:bookmarks"],
  [49, "Private XML Storage", "jabber:iq:private"],
  [50, "Ad-Hoc Commands", "http://jabber.org/protocol/commands"],
  [54, "vcard-temp", "vcard-temp"],
  [55, "Jabber Search", "jabber:iq:search"],
  [59, "Result Set Management", "http://jabber.org/protocol/rsm"],
  [60, "Publish-Subscribe", "http://jabber.org/protocol/pubsub"],
  [65, "SOCKS5 Bytestreams", "http://jabber.org/protocol/bytestreams"],
  [66, "Out of Band Data", "jabber:x:oob", "jabber:iq:oob"],
  [70, "Verifying HTTP Requests via XMPP", "http://jabber.org/protocol/http-auth"],
  [71, "XHTML-IM", "http://jabber.org/protocol/xhtml-im"],
  [72, "SOAP Over XMPP", "http://jabber.org/protocol/soap"],
  [77, "In-Band Registration", "jabber:iq:register"],
  [78, "Non-SASL Authentication", "jabber:iq:auth"],
  [79, "Advanced Message Processing", "http://jabber.org/protocol/amp"],
  [80, "User Location", "http://jabber.org/protocol/geoloc"],
  [84, "User Avatar", "urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata"],
  [85, "Chat State Notifications", "http://jabber.org/protocol/chatstates"],
  [90, "Legacy Entity Time", "jabber:iq:time"],
  [91, "Legacy Delayed Delivery", "jabber:x:delay"],
  [92, "Software Version", "jabber:iq:version"],
  [95, "Stream Initiation", "http://jabber.org/protocol/si"],
  [96, "SI File Transfer", "http://jabber.org/protocol/si/profile/file-transfer"],
  [100, "Gateway Interaction", "jabber:iq:gateway"],
  [106, "JID Escaping", "jid\\20escaping"],
  [107, "User Mood", "http://jabber.org/protocol/mood"],
  [108, "User Activity", "http://jabber.org/protocol/activity"],
  [114, "Jabber Component Protocol", "jabber:component:accept"],
  [115, "Entity Capabilities", "http://jabber.org/protocol/caps"],
  [118, "User Tune", "http://jabber.org/protocol/tune"],
  [124, "Bidirectional-streams Over Synchronous HTTP (BOSH)", "http://jabber.org/protocol/httpbind"],
  [131, "Stanza Headers and Internet Metadata", "http://jabber.org/protocol/shim"],
  [133, "Service Administration", "http://jabber.org/protocol/admin"],
  [136, "Message Archiving", "urn:xmpp:archive"],
  [138, "Stream Compression", "http://jabber.org/features/compress"],
  [144, "Roster Item Exchange", "http://jabber.org/protocol/rosterx"],
  [145, "Annotations", "storage:rosternotes"],
  [153, "vCard-Based Avatars", "vcard-temp:x:update"],
  [155, "Stanza Session Negotiation", "urn:xmpp:ssn"],
  [156, "Discovering Alternative XMPP Connection Methods", "urn:xmpp:alt-connections"],
  [157, "Contact Addresses for XMPP Services", "http://jabber.org/network/serverinfo"],
  [158, "CAPTCHA Forms", "urn:xmpp:captcha"],
  [160, "Best Practices for Handling Offline Messages", "msgoffline"],
  [163, "Personal Eventing Protocol", "http://jabber.org/protocol/pep"],
  [166, "Jingle", "urn:xmpp:jingle"],
  [167, "Jingle RTP Sessions", "urn:xmpp:jingle:apps:rtp"],
  [171, "Language Translation", "urn:xmpp:langtrans"],
  [172, "User Nickname", "http://jabber.org/protocol/nick"],
  [176, "Jingle ICE-UDP Transport", "urn:xmpp:jingle:transports:ice-udp"],
  [177, "Jingle Raw UDP Transport", "urn:xmpp:jingle:transports:raw-udp"],
  [184, "Message Delivery Receipts", "urn:xmpp:receipts"],
  [186, "Invisible Command", "urn:xmpp:invisible"],
  [191, "Blocking Command", "urn:xmpp:blocking"],
  [194, "User Chatting", "urn:xmpp:chatting"],
  [195, "User Browsing", "urn:xmpp:browsing"],
  [196, "User Gaming", "urn:xmpp:gaming"],
  [197, "User Viewing", "urn:xmpp:viewing"],
  [198, "Stream Management", "urn:xmpp:sm"],
  [199, "XMPP Ping", "urn:xmpp:ping"],
  [202, "Entity Time", "urn:xmpp:time"],
  [203, "Delayed Delivery", "urn:xmpp:delay"],
  [215, "External Service Discovery", "urn:xmpp:extdisco"],
  [221, "Data Forms Media Element", "urn:xmpp:media-element"],
  [224, "Attention", "urn:xmpp:attention"],
  [231, "Bits of Binary", "urn:xmpp:bob"],
  [232, "Software Information", "urn:xmpp:dataforms:softwareinfo"],
  [234, "Jingle File Transfer", "urn:xmpp:jingle:apps:file-transfer"],
  [237, "Roster Versioning", "urn:xmpp:features:rosterver"],
  [249, "Direct MUC Invitations", "jabber:x:conference"],
  [251, "Jingle Session Transfer", "urn:xmpp:jingle:transfer"],
  [256, "Last Activity in Presence", "urn:xmpp:last-activity"],
  [257, "Client Certificate Management for SASL EXTERNAL", "urn:xmpp:saslcert"],
  [258, "Security Labels in XMPP", "urn:xmpp:sec-label"],
  [260, "Jingle SOCKS5 Bytestreams Transport", "urn:xmpp:jingle:transports:s5b"],
  [261, "Jingle In-Band Bytestreams Transport", "urn:xmpp:jingle:transports:ibb"],
  [262, "Use of ZRTP in Jingle RTP Sessions", "urn:xmpp:jingle:apps:rtp:zrtp"],
  [272, "Multiparty Jingle (Muji)", "urn:xmpp:jingle:muji"],
  [277, "Microblogging over XMPP", "urn:xmpp:microblog"],
  [278, "Jingle Relay Nodes", "http://jabber.org/protocol/jinglenodes"],
  [280, "Message Carbons", "urn:xmpp:carbons"],
  [292, "vCard4 Over XMPP", "urn:xmpp:vcard4", "urn:ietf:params:xml:ns:vcard-4.0"],
  [293, "Jingle RTP Feedback Negotiation", "urn:xmpp:jingle:apps:rtp:rtcp-fb"],
  [294, "Jingle RTP Header Extensions Negotiation", "urn:xmpp:jingle:apps:rtp:rtp-hdrext"],
  [297, "Stanza Forwarding", "urn:xmpp:forward"],
  [
    300,
    "Use of Cryptographic Hash Functions in XMPP",
    "urn:xmpp:hashes",
    "urn:xmpp:hash-function-text-names",
  ],
  [301, "In-Band Real Time Text", "urn:xmpp:rtt"],
  [308, "Last Message Correction", "urn:xmpp:message-correct"],
  [313, "Message Archive Management", "urn:xmpp:mam"],
  [317, "Hats", "urn:xmpp:hats", "xmpp:prosody.im/protocol/hats"],
  [319, "Last User Interaction in Presence", "urn:xmpp:idle"],
  [320, "Use of DTLS-SRTP in Jingle Sessions", "urn:xmpp:jingle:apps:dtls"],
  [322, "Efficient XML Interchange (EXI) Format", "http://jabber.org/protocol/compress/exi"],
  [333, "Displayed Markers", "urn:xmpp:chat-markers"],
  [334, "Message Processing Hints", "urn:xmpp:hints"],
  [335, "JSON Containers", "urn:xmpp:json"],
  [338, "Jingle Grouping Framework", "urn:xmpp:jingle:apps:grouping"],
  [339, "Source-Specific Media Attributes in Jingle", "urn:xmpp:jingle:apps:rtp:ssma"],
  [
    343,
    "Signaling WebRTC datachannels in Jingle",
    "urn:xmpp:jingle:transports:dtls-sctp",
    "urn:xmpp:jingle:transports:webrtc-datachannel",
  ],
  [352, "Client State Indication", "urn:xmpp:csi"],
  [353, "Jingle Message Initiation", "urn:xmpp:jingle-message"],
  [355, "Namespace Delegation", "urn:xmpp:delegation"],
  [356, "Privileged Entity", "urn:xmpp:privilege"],
  [357, "Push Notifications", "urn:xmpp:push"],
  [359, "Unique and Stable Stanza IDs", "urn:xmpp:sid"],
  [363, "HTTP File Upload", "urn:xmpp:http:upload"],
  [369, "Mediated Information eXchange (MIX)", "urn:xmpp:mix"],
  [371, "Jingle ICE Transport Method", "urn:xmpp:jingle:transports:ice"],
  [372, "References", "urn:xmpp:reference"],
  [373, "OpenPGP for XMPP", "urn:xmpp:openpgp"],
  [377, "Spam Reporting", "urn:xmpp:reporting"],
  [380, "Explicit Message Encryption", "urn:xmpp:eme"],
  [382, "Spoiler Messages", "urn:xmpp:spoiler"],
  [384, "OMEMO Encryption", "eu.siacs.conversations.axolotl", "urn:xmpp:omemo"],
  [385, "Stateless Inline Media Sharing (SIMS)", "urn:xmpp:sims"],
  [386, "Bind 2", "urn:xmpp:bind"],
  [388, "Extensible SASL Profile", "urn:xmpp:sasl"],
  [390, "Entity Capabilities 2.0", "urn:xmpp:caps"],
  [391, "Jingle Encrypted Transports", "urn:xmpp:jingle:jet"],
  [393, "Message Styling", "urn:xmpp:styling"],
  [394, "Message Markup", "urn:xmpp:markup"],
  [398, "User Avatar to vCard-Based Avatars Conversion", "urn:xmpp:pep-vcard-conversion"],
  [401, "Ad-hoc Account Invitation Generation", "urn:xmpp:invite"],
  [402, "PEP Native Bookmarks", "urn:xmpp:bookmarks"],
  [404, "MIX: JID Hidden Channels", "urn:xmpp:mix:anon"],
  [405, "MIX: Participant Server Requirements", "urn:xmpp:mix:pam"],
  [406, "MIX: Administration", "urn:xmpp:mix:admin"],
  [407, "MIX: Miscellaneous Capabilities", "urn:xmpp:mix:misc"],
  [409, "IM Routing-NG", "urn:xmpp:im-ng"],
  [410, "MUC Self-Ping", "http://jabber.org/protocol/muc#self-ping-optimization"],
  [411, "Bookmarks Conversion", "urn:xmpp:bookmarks-conversion"],
  [413, "Order-By", "urn:xmpp:order-by"],
  [421, "Occupant identifiers for semi-anonymous MUCs", "urn:xmpp:occupant-id"],
  [422, "Message Fastening", "urn:xmpp:fasten"],
  [424, "Message Retraction", "urn:xmpp:message-retract"],
  [425, "Moderated Message Retraction", "urn:xmpp:message-moderate"],
  [428, "Fallback Indication", "urn:xmpp:fallback"],
  [431, "Full Text Search in MAM", "urn:xmpp:fulltext"],
  [433, "Extended Channel Search", "urn:xmpp:channel-search"],
  [440, "SASL Channel-Binding Type Capability", "urn:xmpp:sasl-cb"],
  [441, "Message Archive Management Preferences", "urn:xmpp:mam:2#prefs"],
  [444, "Message Reactions", "urn:xmpp:reactions"],
  [446, "File metadata element", "urn:xmpp:file:metadata"],
  [447, "Stateless file sharing", "urn:xmpp:sfs"],
  [448, "Encryption for stateless file sharing", "urn:xmpp:esfs"],
  [449, "Stickers", "urn:xmpp:stickers"],
  [452, "MUC Mention Notifications", "urn:xmpp:mmn"],
  [461, "Message Replies", "urn:xmpp:reply"],
  [462, "PubSub Type Filtering", "urn:xmpp:pubsub-filter"],
  [463, "MUC Affiliations Versioning", "urn:xmpp:muc:affiliations"],
  [482, "Call Invites", "urn:xmpp:call-invites"],
  [484, "Fast Authentication Streamlining Tokens", "urn:xmpp:fast"],
  [485, "PubSub Server Information", "urn:xmpp:serverinfo"],
  [486, "MUC Avatars", "urn:xmpp:muc:avatar"],
  [490, "Message Displayed Synchronization", "urn:xmpp:mds"],
];

const DOCUMENTS: ReadonlyMap<string, FeatureDocument> = new Map([
  ...byNamespace(RFCS, (number) => `RFC ${number}`),
  ...byNamespace(XEPS, (number) => `XEP-${String(number).padStart(4, "0")}`),
]);

function byNamespace(definitions: readonly Definition[], document: (number: number) => string) {
  return definitions.flatMap(([number, title, ...namespaces]) =>
    namespaces.map((namespace) => [namespace, { document: document(number), title }] as const),
  );
}
