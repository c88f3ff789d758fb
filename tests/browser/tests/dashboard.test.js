// The rest of the dashboard: its actions, and the table of requests that keeps itself fresh.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Dashboard } from "../support/dashboard.js";
import { openStage } from "../support/stage.js";
import { ADA } from "../support/tenant.js";
import { eventually } from "../support/waiting.js";

const { app, chromium, tenant } = await openStage();

function rows(page) {
  return page.getByRole("region", { name: "Table of requests" }).locator("tbody tr");
}

test("request shows up in the table by itself, with its answer and without its secrets", async () => {
  const { page } = await Dashboard.open(chromium, tenant);
  await rows(page).filter({ hasText: "None yet." }).waitFor();
  await tenant.renew("a-secret-refresh-token");

  const row = rows(page).filter({ hasText: "POST /oauth/token" });
  await row.waitFor();
  const text = await row.innerText();
  for (const words of ["403", "refresh_token", "form"]) assert.ok(text.includes(words), `${words} is missing in: ${text}`);
  assert.ok(!(await page.content()).includes("a-secret-refresh-token"));

  await tenant.callApi("no token");
  await rows(page).first().filter({ hasText: "API" }).waitFor();
  assert.equal(await rows(page).count(), 2, "the latest comes first");
});

test("table that is not live stays as it is, until it is live again", async () => {
  const { page } = await Dashboard.open(chromium, tenant);
  const live = page.getByRole("button", { name: "Live" });
  assert.equal(await live.getAttribute("aria-pressed"), "true");
  await live.click();
  assert.equal(await live.getAttribute("aria-pressed"), "false");
  await tenant.callApi("no token");
  // More than two of its periods.
  await page.waitForTimeout(2_500);
  assert.match(await rows(page).innerText(), /None yet/);
  await live.click();
  await rows(page).filter({ hasText: "API" }).waitFor();
});

test("selection of text survives as long as nothing new comes", async () => {
  await tenant.callApi("no token");
  const { page } = await Dashboard.open(chromium, tenant);
  // The first answer may replace what the page came with.
  await page.waitForResponse((response) => response.url().endsWith("/dashboard/requests"));
  await page.waitForTimeout(100);
  await rows(page).locator("code").first().selectText();
  for (const _ of [1, 2]) await page.waitForResponse((response) => response.url().endsWith("/dashboard/requests"));
  assert.equal(await page.evaluate(() => getSelection().toString().trim()), "GET /");
});

test("page without JavaScript refreshes the table by a link, clears it, and saves settings", async () => {
  const dashboard = await Dashboard.open(chromium, tenant, { javaScriptEnabled: false });
  const { page } = dashboard;
  await tenant.callApi("no token");
  await page.getByRole("link", { name: "Refresh" }).click();
  await rows(page).filter({ hasText: "API" }).waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await rows(page).filter({ hasText: "None yet." }).waitFor();
  assert.deepEqual(await tenant.requests(), []);
  await dashboard.set("Allow Offline Access", false);
  assert.equal((await tenant.settings()).allow_offline_access, false);
});

test("access tokens that are expired by a button open nothing any more, and can be renewed", async () => {
  const { access_token: access, refresh_token: refresh } = (await tenant.signIn()).body;
  assert.equal(await tenant.callApi(access), 200);
  const dashboard = await Dashboard.open(chromium, tenant);
  assert.equal(await dashboard.act("Expire access tokens"), "Access tokens expired: 1.");
  assert.equal(await tenant.callApi(access), 401);
  assert.equal(await tenant.callApi((await tenant.renew(refresh)).body.access_token), 200);
});

test("refresh tokens that are revoked by a button are refused", async () => {
  const { refresh_token: refresh } = (await tenant.signIn()).body;
  const dashboard = await Dashboard.open(chromium, tenant);
  await dashboard.act("Revoke refresh tokens");
  assert.equal((await tenant.renew(refresh)).body.error, "invalid_grant");
});

test("keys that are rolled by a button sign what comes next", async () => {
  const kid = async () => JSON.parse(Buffer.from((await tenant.signIn()).body.id_token.split(".")[0], "base64url")).kid;
  const before = await kid();
  const dashboard = await Dashboard.open(chromium, tenant);
  const said = await dashboard.act("Roll keys");
  const now = await kid();
  assert.notEqual(now, before);
  assert.ok(said.includes(now), said);
});

test("browser that is logged out by a button is asked for a password again", async () => {
  const dashboard = await Dashboard.open(chromium, tenant);
  const page = await dashboard.page.context().newPage();
  await page.goto(tenant.authorization(app.redirectUri).url);
  await page.getByLabel("Username").fill(ADA.username);
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();

  assert.equal(await dashboard.act("Log out browsers"), "Browsers logged out: 1.");
  await page.goto(tenant.authorization(app.redirectUri).url);
  await page.getByLabel("Password").waitFor();
});

test("clock that is moved by the form moves the tenant's time", async () => {
  const dashboard = await Dashboard.open(chromium, tenant);
  await dashboard.page.getByLabel("Move the clock (seconds)").fill("-86400");
  assert.equal(await dashboard.act("Advance"), "The clock moved by -86400 s.");
  const { now } = await tenant.admin("GET", "");
  assert.ok(Math.abs(Date.now() - 86_400_000 - now) < 60_000);
});

test("tenant that is reset is as it was", async () => {
  const initial = await tenant.settings();
  await tenant.change({ token_expiration_seconds: 10, refresh_token_rotation: true });
  await tenant.admin("POST", "faults", { endpoint: "api", kind: "empty_body" });
  const dashboard = await Dashboard.open(chromium, tenant);
  await dashboard.act("Reset the tenant");
  assert.deepEqual(await tenant.settings(), initial);
  assert.deepEqual(await tenant.faults(), []);
});

test("keyboard skips to the requests, and scrolls their table", async () => {
  for (let count = 0; count < 40; count += 1) await tenant.callApi("no token");
  const { page } = await Dashboard.open(chromium, tenant);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the requests" });
  assert.ok(await skip.evaluate((link) => link === document.activeElement && link.getBoundingClientRect().left >= 0));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "requests");

  const table = page.getByRole("region", { name: "Table of requests" });
  for (let presses = 0; !(await table.evaluate((region) => region === document.activeElement)); presses += 1) {
    assert.ok(presses < 5, "the table is out of reach");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("End");
  await eventually("the table to scroll", () => table.evaluate((region) => region.scrollTop > 0));
});

test("page of another site cannot press the dashboard's buttons", async () => {
  await tenant.change({ token_expiration_seconds: 10 });
  const page = await chromium.page();
  const form = `<form method="post" action="${tenant.url("/dashboard/actions")}"><button name="action" value="reset">Free gift</button></form>`;
  app.serve("/gift", `<!doctype html><title>Gift</title>${form}`);
  // For a browser, a name and an address are two sites, also when both are this machine's.
  await page.goto(`${app.origin.replace("127.0.0.1", "localhost")}/gift`);
  await page.getByRole("button", { name: "Free gift" }).click();
  await page.getByText("answer only to this machine").waitFor();
  assert.equal((await tenant.settings()).token_expiration_seconds, 10);
});
