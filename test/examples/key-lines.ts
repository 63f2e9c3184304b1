/** Lines that each example has to print, and its README has to show; an example that is new needs an entry. */
export const KEY_LINES: Readonly<Record<string, readonly RegExp[]>> = {
  demo: [
    /^localhost .*server\/im/m,
    /muc\.localhost .*conference\/text/,
    /Letter II/,
    /^First look: {2}\d+ questions, \d+ stanzas/m,
    /^Second look: \d+ questions, 0 stanzas/m,
  ],
  component: [
    /rooms\.localhost +“Ten thousand rooms”/,
    /✓ 2 services of the server have rooms/,
    /✓ 10,000 rooms listed/,
    /“The sunny market of Venice, no\. 20”/,
    /\d+ people, everybody may enter/,
    /asked again, the cache answers \(0 requests/,
  ],
  database: [
    /✓ its database is empty, so it fills it: 1,500 books/,
    /remote-server-timeout/,
    /✓ it has nothing to say and fills nothing: 1,500 books are there/,
    /✓ every answer is the same as before/,
  ],
  contacts: [
    /Balcony 2\.1 +31 /,
    /Romeo comes on line +100 +7 +93 +7 /,
    /with Romeo's cache +100 +8 +100 +0 /,
    /without EntityCapsService +100 +0 +0 +100 /,
  ],
  "shared-cache": [
    /Contacts asked +\d+ of 100 +\d+ of 100 +0 of 100/,
    /Balcony 2\.2 +asked .*asked .*asked /,
    /All others +known +known +known/,
  ],
  commands: [
    /uptime +“How long are you up\?” +automation\/command-node/,
    /✓ 2 commands/,
    /letter +“Take a letter to Juliet”/,
    /✓ 3 commands/,
    /romeo +letter: forbidden/,
    /nurse +letter: it is under her pillow/,
    /feature +gone/,
    /list +item-not-found/,
  ],
};
