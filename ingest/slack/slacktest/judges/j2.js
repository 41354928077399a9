// J2: @slack/bolt through warning, refresh_requested and the end of the connection, twenty times, with an event every 100 ms.
'use strict';
const { App, SocketModeReceiver } = require('@slack/bolt');
const { settings: s, control, look, check, equal, pause, until, main } = require('./judge');

main(async () => {
  const clientOptions = { slackApiUrl: s.api };
  // Only the wait before a new connection is shortened, as the double's clock runs faster here.
  const receiver = new SocketModeReceiver({ appToken: s.appToken, installerOptions: { clientOptions }, clientPingTimeout: 200, logLevel: 'error' });
  const app = new App({ token: s.token, receiver, clientOptions, logLevel: 'error' });
  const handled = new Map(); // text to event ids
  const retried = [];
  app.error(async (e) => check(false, `bolt: ${e.message}`));
  app.message(/.*/, async ({ message, body, context }) => {
    if (!handled.has(message.text)) handled.set(message.text, new Set());
    handled.get(message.text).add(body.event_id);
    if (context.retryNum) retried.push(message.text);
  });
  await app.start();

  let n = 0;
  let ends = false;
  const writer = (async () => {
    for (; !ends; n++) {
      await control('message', { channel: s.room, user: s.anna, text: `messaggio ${n}` });
      await pause(100);
    }
  })();
  for (let i = 0; i < 20; i++) {
    await until('a socket is open', async () => (await look('state')).sockets > 0);
    await pause(300);
    await control('socket', { do: 'warn', one: true });
    await until('the socket ended', async () => (await look('state')).sockets === 0);
  }
  ends = true;
  await writer;
  await until('nothing waits', async () => (await look('state')).waiting === 0);

  equal(handled.size, n, 'messages handled');
  for (const [text, ids] of handled) check(ids.size === 1, `${text} came under ${ids.size} event ids`);
  check(retried.length > 0, 'no event fell into a gap: the test shows nothing');
  const acks = await look('acknowledged');
  for (const [id, times] of Object.entries(acks)) check(times === 1, `envelope ${id} was acknowledged ${times} times`);
  check(Object.keys(acks).length >= n, `${Object.keys(acks).length} envelopes were acknowledged for ${n} events`);
  console.log(`${n} events, ${retried.length} of them by a retry`);
  await app.stop();
});
