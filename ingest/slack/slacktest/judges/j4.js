// J4: @slack/socket-mode alone: what it takes for life, for death and for the end.
'use strict';
const { SocketModeClient } = require('@slack/socket-mode');
const { settings: s, base, control, look, check, equal, thrown, pause, until, main } = require('./judge');

main(async () => {
  const client = new SocketModeClient({
    appToken: s.appToken,
    clientPingTimeout: 5000,
    serverPingTimeout: 30000,
    logLevel: 'error',
    clientOptions: { slackApiUrl: s.api },
  });
  client.logger.warn = () => {};
  let connected = 0;
  const texts = new Set();
  client.on('connected', () => connected++);
  client.on('message', async ({ event, ack }) => {
    texts.add(event.text);
    await ack();
  });
  await client.start();
  equal(connected, 1, 'connections at the start');

  await pause(s.seconds * 1000);
  equal(connected, 1, `connections after ${s.seconds} s with pings and pongs`);

  // An acknowledgement of this library always carries a payload, also an empty one.
  const say = async (text) => {
    await control('message', { channel: s.room, user: s.anna, text });
    await until(`${text} is heard`, () => texts.has(text));
    await until(`${text} is acknowledged`, async () => (await look('state')).waiting === 0);
  };
  await say('con payload vuoto');
  equal(Object.values(await look('acknowledged')), [1], 'acknowledgements');

  for (const how of ['warn', 'refresh', 'drop']) {
    const before = connected;
    await control('socket', { do: how, one: true });
    await until(`it is back after ${how}`, () => connected > before, 60);
    await say(`dopo ${how}`);
  }
  // Socket Mode switched off: it tries again for as long as apps.connections.open does not say that it never will.
  let before = connected;
  await control('socket', { do: 'disable' });
  await until('the socket is gone', async () => (await look('state')).sockets === 0, 60);
  await control('socket', { do: 'enable' });
  await until('it is back after link_disabled', () => connected > before, 90);

  before = connected;
  await control('socket', { do: 'silence', one: true });
  await control('message', { channel: s.room, user: s.anna, text: 'nel silenzio' });
  await until('it left the silent socket', () => connected > before, 90);
  await until('what was said in the silence came by a retry', () => texts.has('nel silenzio'), 90);
  await client.disconnect();

  const stranger = new SocketModeClient({ appToken: 'xapp-wrong', logLevel: 'error', clientOptions: { slackApiUrl: `${base}/api/` } });
  stranger.logger.error = () => {};
  equal((await thrown(stranger.start(), 'a wrong token')).data?.error, 'invalid_auth', 'a wrong token');
});
