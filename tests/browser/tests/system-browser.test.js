// Chromium as the system's browser of `lab login`: the page opens in a tab of it, the redirect comes to the loopback port
// of the core, and what other pages send there meanwhile changes nothing (RFC 8252, section 8.10).

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Terminal, addressOf, redirectUriIn } from "../support/session.js";
import { openStage } from "../support/stage.js";
import { SystemBrowser } from "../support/system-browser.js";
import { ADA } from "../support/tenant.js";
import { eventually } from "../support/waiting.js";

const { app, chromium, tenant } = await openStage();

let terminal;
let browser;
beforeEach(async () => {
  terminal = await Terminal.open(tenant);
  browser = await SystemBrowser.open(chromium);
});
afterEach(async () => {
  await browser.close();
  await terminal.close();
});

/// Starts `lab login` with more `words`, and returns it with the tab that opens for it.
async function startLogin(...words) {
  const login = terminal.start(["login", "--json", ...words], browser.environment);
  const address = await addressOf(login);
  const page = await tab((page) => page.url().includes("/u/login"));
  return { login, page, redirectUri: redirectUriIn(address), address };
}

/// Waits for the tab that `isWanted`.
async function tab(isWanted) {
  return eventually("another tab", () => browser.user.pages().find(isWanted));
}

async function signIn(page) {
  await page.getByLabel("Username").fill(ADA.username);
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Continue" }).click();
}

/// Waits for the end of a login that succeeds, and returns what it tells.
async function succeeded(login) {
  const { code, stdout, stderr } = await login.end();
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

test("login opens the browser, and ends in a session that is stored, used and ended", async () => {
  assert.equal((await terminal.run(["status"])).code, 3);
  const { login, page, redirectUri } = await startLogin();
  assert.match(redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  await signIn(page);

  await page.getByRole("heading", { name: "You can return to the app" }).waitFor();
  assert.equal(page.url(), redirectUri, "neither the address bar nor the history keeps the code");
  assert.equal((await succeeded(login)).name, ADA.name);
  assert.equal((await terminal.stored()).length > 0, true);

  const status = JSON.parse((await terminal.run(["status", "--json"])).stdout);
  assert.deepEqual([status.state, status.name, status.access_token_valid, status.renewable], ["signed_in", ADA.name, true, true]);
  const call = await terminal.run(["call", tenant.apiUrl]);
  assert.equal(call.code, 0, call.stderr);
  assert.ok(JSON.parse(call.stdout).length > 0, `no expenses: ${call.stdout}`);

  // The browser comes back from the page that ends the server's session, and the command waits for that.
  const environment = { ...browser.environment, HALLPASS_POST_LOGOUT_REDIRECT_URI: "http://127.0.0.1/callback" };
  const logout = await terminal.run(["logout", "--end-session", "--json"], environment);
  assert.deepEqual(JSON.parse(logout.stdout), { erased: true, revoked: true, session_ended: true }, logout.stderr);
  assert.equal((await terminal.run(["status"])).code, 3);
  await page.goto(tenant.authorization(app.redirectUri).url);
  await page.getByLabel("Password").waitFor();
});

test("login that is cancelled in the browser is refused at the terminal, and nothing is stored", async () => {
  const { login, page } = await startLogin();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("heading", { name: "You were not signed in" }).waitFor();
  const { code, stdout, stderr } = await login.end();
  assert.equal(code, 5, stdout);
  assert.match(stderr, /denied/);
  assert.equal((await terminal.run(["status"])).code, 3);
});

test("user who is logged in already sees the last page alone", async () => {
  const first = await startLogin();
  await signIn(first.page);
  await succeeded(first.login);

  const login = terminal.start(["login", "--json", "--account", "second"], browser.environment);
  const redirectUri = redirectUriIn(await addressOf(login));
  const page = await tab((page) => page.url().startsWith(redirectUri));
  await page.getByRole("heading", { name: "You can return to the app" }).waitFor();
  assert.equal((await succeeded(login)).name, ADA.name);
});

/// Ways in which a page gets a browser to send a request. Each gets the URL.
const ATTACKS = {
  "a fetch": (url) => fetch(url, { mode: "no-cors" }).catch(() => {}),
  "a fetch with another method": (url) => fetch(url, { mode: "no-cors", method: "POST", body: "x" }).catch(() => {}),
  "an image": (url) =>
    new Promise((resolve) => {
      const image = new Image();
      image.onload = image.onerror = resolve;
      image.src = url;
    }),
  "a frame": (url) =>
    new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.onload = resolve;
      frame.src = url;
      document.body.append(frame);
    }),
  "a script": (url) =>
    new Promise((resolve) => {
      const script = document.createElement("script");
      script.onload = script.onerror = resolve;
      script.src = url;
      document.body.append(script);
    }),
};

test("page that races the redirect with another state gets nothing, and the login completes", async () => {
  const { login, page, redirectUri, address } = await startLogin();
  const hostile = await browser.user.newPage();
  await hostile.goto(app.serve("/hostile", "<!doctype html><title>Hostile</title><body>"));
  const state = new URL(address).searchParams.get("state");
  const forged = [
    "code=theirs&state=theirs",
    "error=access_denied&state=theirs",
    "error=access_denied",
    "code=theirs",
    // Nearly right: the first letter in the other case, one more letter, twice.
    `code=theirs&state=${state.slice(1)}`,
    `code=theirs&state=${state}x`,
    `code=theirs&state=theirs&state=${state}`,
    `code=theirs&state=${state}&state=theirs`,
  ];
  for (const attack of Object.values(ATTACKS)) {
    for (const query of forged) await hostile.evaluate(attack, `${redirectUri}?${query}`);
  }
  assert.ok(login.running, `the login has ended: ${login.stderr}`);

  await signIn(page);
  await page.getByRole("heading", { name: "You can return to the app" }).waitFor();
  const user = await succeeded(login);
  assert.equal(user.name, ADA.name);
  const exchanges = (await tenant.requests()).filter(({ endpoint }) => endpoint === "token");
  assert.equal(exchanges.length, 1, "no forged code was redeemed");
});

test("page that shows itself at the redirect's address is told that it belongs to another login", async () => {
  const { login, page, redirectUri } = await startLogin();
  const hostile = await browser.user.newPage();
  const answer = await hostile.goto(`${redirectUri}?code=theirs&state=theirs`);
  assert.equal(answer.status(), 400);
  await hostile.getByRole("heading", { name: "This page belongs to another sign-in" }).waitFor();
  await hostile.getByText("Nothing was changed.").waitFor();
  await signIn(page);
  await succeeded(login);
});

test("page cannot look into the answer, and another name of this machine opens nothing", async () => {
  const { login, page, redirectUri, address } = await startLogin();
  const hostile = await browser.user.newPage();
  await hostile.goto(app.serve("/hostile", "<!doctype html><title>Hostile</title><body>"));
  const answer = await hostile.evaluate(async (url) => fetch(url).then(() => "read", () => "refused"), redirectUri);
  assert.equal(answer, "refused");

  const state = new URL(address).searchParams.get("state");
  const rebound = redirectUri.replace("127.0.0.1", "127.0.0.1.localhost");
  const misdirected = await hostile.goto(`${rebound}?code=theirs&state=${state}`);
  assert.equal(misdirected.status(), 421);
  assert.ok(login.running);
  await signIn(page);
  await succeeded(login);
});

test("redirect of a login that is over finds nobody, and changes nothing", async () => {
  const first = await startLogin();
  const redirected = first.page.waitForRequest((request) => request.url().startsWith(first.redirectUri));
  await signIn(first.page);
  const spent = (await redirected).url();
  await succeeded(first.login);

  const second = await startLogin("--prompt", "login");
  const refused = await browser.user.newPage();
  await assert.rejects(() => refused.goto(spent), /ERR_CONNECTION_REFUSED/);
  // The same redirect, at the port of the login that waits now. In a tab of its own: the other one still shows its error.
  const stale = await browser.user.newPage();
  const replayed = spent.replace(first.redirectUri, second.redirectUri);
  assert.equal((await stale.goto(replayed)).status(), 400);
  assert.ok(second.login.running);
  await second.page.getByRole("button", { name: "Cancel" }).click();
  assert.equal((await second.login.end()).code, 5);
  const status = JSON.parse((await terminal.run(["status", "--json"])).stdout);
  assert.equal(status.state, "signed_in", "a second login that fails leaves the first one's session");
});
