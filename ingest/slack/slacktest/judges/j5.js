// J5: @slack/web-api's WebClient, without its retries.
'use strict';
const { WebClient, WebClientEvent } = require('@slack/web-api');
const { settings: s, control, look, check, equal, thrown, until, main } = require('./judge');

main(async () => {
  const options = { slackApiUrl: s.api, retryConfig: { retries: 0 }, logLevel: 'error' };
  const web = new WebClient(s.token, options);
  const metadata = { event_type: 'sportello_post', event_payload: { outbox_id: '01M86DSPEG7TJ2P6Y4XC0QWE5M' } };
  const channel = s.room;

  const self = await web.auth.test();
  equal([self.ok, self.team_id, typeof self.bot_id], [true, 'T0SPORTELLO', 'string'], 'auth.test');
  check(self.response_metadata.scopes.includes('chat:write'), 'the granted scopes come with every answer');

  const root = await web.chat.postMessage({ channel, text: 'radice & <b>', metadata });
  equal([root.channel, root.message.text, root.message.bot_id], [channel, 'radice &amp; &lt;b&gt;', self.bot_id], 'chat.postMessage');
  const replies = [];
  for (let i = 0; i < 5; i++) replies.push((await web.chat.postMessage({ channel, thread_ts: root.ts, text: `risposta ${i}`, metadata })).ts);
  const changed = await web.chat.update({ channel, ts: root.ts, text: 'radice cambiata' });
  equal([changed.ts, changed.text], [root.ts, 'radice cambiata'], 'chat.update');
  const eph = await web.chat.postEphemeral({ channel, user: s.anna, text: 'solo per te' });
  check(/^\d+\.\d{6}$/.test(eph.message_ts), 'chat.postEphemeral answers a message_ts');
  equal((await look(`ephemeral/${s.anna}`)).map((e) => e.text), ['solo per te'], 'the ephemeral message');

  const thread = await web.conversations.replies({ channel, ts: root.ts, include_all_metadata: true });
  equal(thread.messages.map((m) => m.ts), [root.ts, ...replies], 'conversations.replies, root first');
  equal(thread.messages[0].metadata, metadata, 'the metadata that an update kept');
  equal([thread.messages[0].reply_count, thread.messages[0].latest_reply], [5, replies[4]], 'the counters of the root');
  const pages = [];
  for await (const page of web.paginate('conversations.replies', { channel, ts: root.ts, limit: 2 })) pages.push(page.messages.map((m) => m.ts));
  check(pages.length > 2, `paginate walks over pages: ${pages.length}`);
  equal([...new Set(pages.flat())].sort(), [root.ts, ...replies].sort(), 'paginate sees every message');
  for (let i = 0; i < 4; i++) await web.chat.postMessage({ channel, text: `altra radice ${i}`, metadata });
  let seen = [];
  for await (const page of web.paginate('conversations.history', { channel, limit: 2 })) seen = seen.concat(page.messages.map((m) => m.text));
  equal(seen, ['altra radice 3', 'altra radice 2', 'altra radice 1', 'altra radice 0', 'radice cambiata'], 'history, newest first, without replies');

  const up = await web.filesUploadV2({ channel_id: channel, thread_ts: root.ts, filename: 'nota.txt', content: 'ciao è', initial_comment: 'ecco' });
  const file = up.files[0].files[0];
  const info = await until('the file is shared', async () => {
    const i = await web.files.info({ file: file.id });
    return i.file.shares?.private?.[channel] && i;
  });
  equal([info.file.name, info.file.size], ['nota.txt', 7], 'files.info');
  const got = await fetch(info.file.url_private_download, { headers: { Authorization: `Bearer ${s.token}` } });
  equal(await got.text(), 'ciao è', 'the bytes of the file');
  const closed = await fetch(info.file.url_private_download);
  check(closed.redirected && (closed.headers.get('content-type') || '').startsWith('text/html'), 'a download without the token ends at the sign-in page');

  const home = { type: 'home', blocks: [{ type: 'section', text: { type: 'plain_text', text: 'casa' } }] };
  const first = await web.views.publish({ user_id: s.anna, view: home });
  check(first.view.hash, 'views.publish answers a hash');
  await web.views.publish({ user_id: s.anna, view: home, hash: first.view.hash });
  equal((await thrown(web.views.publish({ user_id: s.anna, view: home, hash: first.view.hash }), 'an old hash')).data?.error, 'hash_conflict', 'an old hash');

  const refusal = async (promise, error, what) => {
    const e = await thrown(promise, what);
    equal([e.code, e.data?.error], ['slack_webapi_platform_error', error], what);
    return e;
  };
  await refusal(web.chat.postMessage({ channel: 'C0NOWHERE', text: 'x' }), 'channel_not_found', 'an unknown channel');
  await refusal(web.chat.postMessage({ channel }), 'no_text', 'no text');
  await refusal(web.apiCall('chat.unknown'), 'unknown_method', 'an unknown method');
  await refusal(web.conversations.replies({ channel, ts: '1.000001' }), 'thread_not_found', 'an unknown thread');
  await refusal(web.views.open({ trigger_id: 'x', view: { ...home, type: 'modal', title: { type: 'plain_text', text: 'x' } } }), 'invalid_trigger_id', 'a trigger that never was');
  await refusal(web.chat.postMessage({ channel, text: 'x', blocks: [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }] }), 'invalid_blocks', 'a header with mrkdwn');
  await refusal(new WebClient('xoxb-wrong', options).auth.test(), 'invalid_auth', 'a wrong token');
  await refusal(new WebClient(undefined, options).auth.test(), 'not_authed', 'no token');
  await refusal(new WebClient(s.appToken, options).auth.test(), 'not_allowed_token_type', 'the token of the app');

  await control('scopes', { scopes: ['users:read'] });
  const missing = await refusal(web.chat.postMessage({ channel, text: 'x' }), 'missing_scope', 'a missing scope');
  equal([missing.data?.needed, missing.data?.provided], ['chat:write', 'users:read'], 'what is needed and provided');

  const limited = [];
  const careful = new WebClient(s.token, { ...options, rejectRateLimitedCalls: true });
  careful.on(WebClientEvent.RATE_LIMITED, (seconds) => limited.push(seconds));
  await control('fault', { fault: { method: 'users.info', kind: 'rate_limit', delay: 7e9 } });
  const e = await thrown(careful.users.info({ user: s.anna }), 'a rate limit');
  equal([e.code, e.retryAfter, limited], ['slack_webapi_rate_limited_error', 7, [7]], 'a rate limit');
});
