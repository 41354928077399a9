// J1: @slack/bolt over Socket Mode, unchanged but for the address of the Web API.
'use strict';
const { App } = require('@slack/bolt');
const { settings: s, control, look, check, equal, thrown, until, main } = require('./judge');

const metadata = { event_type: 'sportello_post', event_payload: { outbox_id: '01M86DSPEG7TJ2P6Y4XC0QWE5M' } };
const card = [
  { type: 'section', text: { type: 'mrkdwn', text: '*Carta*' } },
  {
    type: 'actions',
    elements: [
      { type: 'button', action_id: 'open', text: { type: 'plain_text', text: 'Apri' }, value: '1042' },
      { type: 'button', action_id: 'speak', text: { type: 'plain_text', text: 'Parla' }, value: '1042' },
    ],
  },
];
const modal = {
  type: 'modal',
  callback_id: 'modal',
  title: { type: 'plain_text', text: 'Un modulo' },
  submit: { type: 'plain_text', text: 'Manda' },
  blocks: [
    { type: 'input', block_id: 'b', label: { type: 'plain_text', text: 'Testo' }, element: { type: 'plain_text_input', action_id: 'a' } },
  ],
};

main(async () => {
  const app = new App({ token: s.token, appToken: s.appToken, socketMode: true, clientOptions: { slackApiUrl: s.api }, logLevel: 'error' });
  const seen = {};
  const note = (what, value) => (seen[what] ??= []).push(value);
  app.error(async (e) => check(false, `bolt: ${e.message}`));

  app.message(/.*/, async ({ message, context }) => note('message', { ...message, me: context.botUserId }));
  app.event('reaction_added', async ({ event }) => note('reaction', event));
  app.event('reaction_removed', async ({ event }) => note('reaction', event));
  app.event('member_joined_channel', async ({ event }) => note('member', event));
  app.event('member_left_channel', async ({ event }) => note('member', event));
  app.event('app_home_opened', async ({ event, client }) => {
    note('home', event);
    await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [card[0]] } });
  });
  app.action('open', async ({ ack, body, client, action }) => {
    await ack();
    note('open', action.value);
    await client.views.open({ trigger_id: body.trigger_id, view: modal });
    const again = await thrown(client.views.open({ trigger_id: body.trigger_id, view: modal }), 'a trigger twice');
    equal(again.data?.error, 'exchanged_trigger_id', 'a trigger twice');
  });
  app.action('speak', async ({ ack, respond }) => {
    await ack();
    for (let i = 1; i <= 5; i++) await respond(`risposta ${i}`);
    await thrown(respond('risposta 6'), 'the sixth answer to a response_url');
    note('speak', true);
  });
  app.view('modal', async ({ ack, view }) => {
    const text = view.state.values.b.a.value;
    note('submit', text);
    if (text.length < 5) return ack({ response_action: 'errors', errors: { b: 'troppo corto' } });
    return ack();
  });
  app.shortcut('ticket_from_message', async ({ ack, shortcut }) => {
    await ack();
    note('shortcut', shortcut.message.text);
  });
  app.shortcut('ticket_new', async ({ ack, shortcut }) => {
    await ack();
    note('global', shortcut.type);
  });
  app.command('/ticket', async ({ ack, command }) => {
    note('command', command.text);
    await ack(`cerco ${command.text}`);
  });

  await app.start();

  const root = (await control('message', { channel: s.room, user: s.anna, text: 'una radice & <b>' })).ts;
  await control('message', { channel: s.room, user: s.anna, text: 'una risposta', thread_ts: root });
  await until('root and reply are seen', () => seen.message?.length === 2);
  const [first, second] = [...seen.message].sort((a, b) => a.ts.localeCompare(b.ts));
  equal([first.text, first.ts, first.thread_ts], ['una radice &amp; &lt;b&gt;', root, undefined], 'the root');
  equal([second.text, second.thread_ts, second.user, second.channel_type], ['una risposta', root, s.anna, 'group'], 'the reply');

  const posted = await app.client.chat.postMessage({ channel: s.room, text: 'Carta', blocks: card, metadata });
  check(posted.ok && posted.message.blocks[1].block_id, 'a card is posted and its blocks get ids');

  await control('press', { channel: s.room, ts: posted.ts, user: s.anna, action_id: 'open', wait: true });
  await until('the press opened a modal', async () => (await look(`view/${s.anna}`)).id);
  equal(seen.open, ['1042'], 'the value of the button');
  const values = (value) => ({ b: { a: { type: 'plain_text_input', value } } });
  const refused = await control('submit', { user: s.anna, values: values('no'), wait: true });
  equal(refused.answer, { response_action: 'errors', errors: { b: 'troppo corto' } }, 'a refused modal');
  check((await look(`view/${s.anna}`)).id, 'a refused modal stays');
  await control('submit', { user: s.anna, values: values('abbastanza'), wait: true });
  check(!(await look(`view/${s.anna}`)).id, 'an accepted modal goes');
  equal(seen.submit, ['no', 'abbastanza'], 'what was submitted');

  await control('press', { channel: s.room, ts: posted.ts, user: s.anna, action_id: 'speak', wait: true });
  await until('the response_url was used up', () => seen.speak);
  equal((await look(`ephemeral/${s.anna}`)).map((e) => e.text), [1, 2, 3, 4, 5].map((i) => `risposta ${i}`), 'answers to the response_url');

  await control('shortcut', { user: s.anna, channel: s.room, ts: root, callback_id: 'ticket_from_message', wait: true });
  equal(seen.shortcut, ['una radice &amp; &lt;b&gt;'], 'the message of the shortcut');
  await control('shortcut', { user: s.anna, callback_id: 'ticket_new', wait: true });
  equal(seen.global, ['shortcut'], 'the global shortcut');
  await control('command', { channel: s.room, user: s.anna, command: '/ticket', text: 'stampante', wait: true });
  equal(seen.command, ['stampante'], 'the command');
  await until('the answer to the command is shown', async () => (await look(`ephemeral/${s.anna}`)).at(-1).text === 'cerco stampante');

  await control('open-home', { user: s.anna });
  await until('a home view is published', async () => (await look(`home/${s.anna}`)).id);
  equal([seen.home[0].user, seen.home[0].tab], [s.anna, 'home'], 'the home event');

  await control('react', { channel: s.room, ts: root, user: s.anna, name: 'eyes' });
  await control('unreact', { channel: s.room, ts: root, user: s.anna, name: 'eyes' });
  await until('reactions are seen', () => seen.reaction?.length === 2);
  equal(seen.reaction.map((r) => r.reaction), ['eyes', 'eyes'], 'the reactions');
  equal([seen.reaction[0].item.ts, seen.reaction[0].item_user], [root, s.anna], 'what was reacted to');
  await control('join', { channel: s.room, user: s.bruno });
  await control('leave', { channel: s.room, user: s.bruno });
  await until('members are seen', () => seen.member?.length === 2);
  equal(seen.member.map((m) => m.user), [s.bruno, s.bruno], 'the members');

  const acks = await look('acknowledged');
  check(Object.values(acks).every((n) => n === 1), `every envelope is acknowledged once: ${JSON.stringify(acks)}`);
  await app.stop();
});
