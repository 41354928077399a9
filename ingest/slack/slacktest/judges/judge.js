// What the judges share: acts on the double over /_control, and checks. Run by TestJudges; see judges_test.go.
'use strict';

const { isDeepStrictEqual } = require('node:util');

const base = process.env.SLACKTEST; // http://127.0.0.1:port
const failures = [];

const settings = {
  api: `${base}/api/`,
  token: 'xoxb-test',
  appToken: 'xapp-test',
  secret: process.env.SIGNING_SECRET,
  room: process.env.ROOM,
  anna: process.env.ANNA,
  bruno: process.env.BRUNO,
  seconds: Number(process.env.SECONDS || 35),
};

// control acts as people or as the workspace. What Slack would not let happen is thrown.
async function control(verb, body = {}) {
  const r = await fetch(`${base}/_control/${verb}`, { method: 'POST', body: JSON.stringify(body) });
  const o = await r.json();
  if (!r.ok) throw new Error(`${verb}: ${o.error}`);
  return o;
}

async function look(path) {
  const r = await fetch(`${base}/_control/${path}`);
  return r.json();
}

async function log() {
  const r = await fetch(`${base}/_log`);
  return r.json();
}

function check(ok, what) {
  if (!ok) failures.push(what);
}

function equal(got, want, what) {
  check(isDeepStrictEqual(got, want), `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

// thrown returns what a promise is rejected with.
async function thrown(promise, what) {
  try {
    await promise;
  } catch (e) {
    return e;
  }
  failures.push(`${what}: no error`);
  return {};
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// until waits for something that comes from elsewhere.
async function until(what, cond, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(20)) {
    const got = await cond();
    if (got) return got;
  }
  throw new Error(`waited in vain until ${what}`);
}

function main(judge) {
  judge()
    .catch((e) => failures.push(e.stack || String(e)))
    .then(() => {
      for (const f of failures) console.log(`FAULT ${f}`);
      process.exit(failures.length ? 1 : 0);
    });
}

module.exports = { base, settings, control, look, log, check, equal, thrown, pause, until, main };
