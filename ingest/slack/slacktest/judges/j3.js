// J3: @slack/bolt's HTTPReceiver believes what the double signs, and refuses what it tampers with.
'use strict';
const { App, HTTPReceiver } = require('@slack/bolt');
const { settings: s, control, look, check, equal, thrown, until, main } = require('./judge');

main(async () => {
  const receiver = new HTTPReceiver({ signingSecret: s.secret, processBeforeResponse: true, logLevel: 'error' });
  receiver.logger.warn = () => {}; // refusals are wanted
  const app = new App({ token: s.token, receiver, clientOptions: { slackApiUrl: s.api }, logLevel: 'error' });
  app.error(async (e) => {
    throw e;
  });
  receiver.logger.error = () => {};
  const seen = {};
  const note = (what, value) => (seen[what] ??= []).push(value);
  app.message('buongiorno', async ({ message, body }) => note('message', [message.text, body.event_id]));
  app.message('riprova', async ({ body, context }) => {
    note('retry', [body.event_id, context.retryNum ?? 0, context.retryReason ?? '']);
    if ((context.retryNum ?? 0) < 3) throw new Error('not yet');
  });
  app.action('open', async ({ ack, action }) => {
    await ack();
    note('action', action.value);
  });
  app.view('modal', async ({ ack }) => ack({ response_action: 'errors', errors: { b: 'no' } }));
  app.command('/ticket', async ({ ack, command }) => ack(`cerco ${command.text}`));
  const server = await app.start({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${server.address().port}/slack/events`;
  await control('http', { events_url: url, interactive_url: url, commands_url: url });
  await control('verify');
  equal((await look('posts')).at(-1).status, 200, 'url_verification');
  await control('tamper', { do: 'unsigned' });
  await thrown(control('verify'), 'an unsigned challenge');

  const { ts } = await control('message', { channel: s.room, user: s.anna, text: 'buongiorno è 日本 & <>' });
  await until('a signed event is handled', () => seen.message);
  equal(seen.message[0][0], 'buongiorno è 日本 &amp; &lt;&gt;', 'the text of the event');

  const press = () => control('press', { channel: s.room, ts, user: s.anna, action_id: 'open', value: '7 è', crafted: true, wait: true });
  await press();
  equal(seen.action, ['7 è'], 'a signed interaction');
  for (const how of ['wrong_secret', 'changed_body', 'old', 'unsigned']) {
    await control('tamper', { do: how });
    await thrown(press(), how);
    equal((await look('posts')).at(-1).status, 401, how);
  }
  equal(seen.action.length, 1, 'presses that were handled');
  await control('command', { channel: s.room, user: s.anna, command: '/ticket', text: 'caffè + 2', wait: true });
  equal((await look(`ephemeral/${s.anna}`)).at(-1).text, 'cerco caffè + 2', 'the answer to a command');

  // The clock of the double stands still: nothing comes before its time.
  await control('message', { channel: s.room, user: s.anna, text: 'riprova' });
  for (const [i, seconds] of [0, 60, 300].entries()) {
    await until(`delivery ${i} failed`, async () => seen.retry?.length === i + 1 && (await look('posts')).at(-1).status === 500);
    await until('its retry is planned', async () => (await look('state')).waiting === 1);
    if (seconds) {
      await control('clock', { advance: seconds - 1 });
      equal(seen.retry.length, i + 1, `deliveries a second before retry ${i + 1}`);
    }
    await control('clock', { advance: seconds ? 1 : 0 });
  }
  await until('the third retry is handled', async () => seen.retry.length === 4 && (await look('state')).waiting === 0);
  equal(seen.retry.map((r) => r[1]), [0, 1, 2, 3], 'retryNum');
  equal(seen.retry.map((r) => r[2]), ['', 'http_error', 'http_error', 'http_error'], 'retryReason');
  equal(new Set(seen.retry.map((r) => r[0])).size, 1, 'event ids of the retries');
  const posts = (await look('posts')).slice(-4);
  equal(posts.map((p) => (Date.parse(p.time) - Date.parse(posts[0].time)) / 1000), [0, 0, 60, 360], 'the times of the deliveries');
  await app.stop();
});
