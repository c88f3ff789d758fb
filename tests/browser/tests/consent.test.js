// The consent page: what the app asks for, yes or no.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openStage } from "../support/stage.js";
import { ADA } from "../support/tenant.js";

const { app, chromium, tenant } = await openStage();

/// The consent page, Ada being logged in.
async function consentPage(options) {
  await tenant.change({ require_consent: true });
  const page = await chromium.page(options);
  const authorization = tenant.authorization(app.redirectUri);
  await page.goto(authorization.url);
  await page.getByLabel("Username").fill(ADA.username);
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Hallpass lab asks for access" }).waitFor();
  return { page, authorization };
}

async function atTheApp(page) {
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  return app.redirect;
}

test("page says who asks whom for what, in words and by name", async () => {
  const { page } = await consentPage();
  const text = await page.getByRole("main").innerText();
  for (const words of [ADA.name, ADA.username, "Know who you are", "See your name", "Read your expense reports", "Stay connected while you are away", tenant.audience]) {
    assert.ok(text.includes(words), `${words} is missing in: ${text}`);
  }
  const list = page.getByRole("list", { name: "It wants to:" });
  assert.deepEqual(await list.locator("code").allTextContents(), ["openid", "profile", "read:reports", "offline_access"]);
});

test("consent leads back with a code, and is not asked for twice", async () => {
  const { page, authorization } = await consentPage();
  await page.getByRole("button", { name: "Accept" }).click();
  await atTheApp(page);
  assert.equal((await tenant.redeem(authorization, page.url())).body.scope, "openid profile read:reports offline_access");

  app.forget();
  await page.goto(tenant.authorization(app.redirectUri).url);
  assert.ok((await atTheApp(page)).code, "it was asked for again");
});

test("consent that is declined is an error at the app, and is asked for again", async () => {
  const { page, authorization } = await consentPage();
  await page.getByRole("button", { name: "Decline" }).click();
  const redirect = await atTheApp(page);
  assert.equal(redirect.error, "access_denied");
  assert.equal(redirect.state, authorization.state);
  assert.equal(redirect.code, undefined);

  await page.goto(tenant.authorization(app.redirectUri).url);
  await page.getByRole("button", { name: "Accept" }).waitFor();
});

test("keyboard alone is enough", async () => {
  const { page } = await consentPage();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Accept");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Decline");
  await page.keyboard.press("Enter");
  assert.equal((await atTheApp(page)).error, "access_denied");
});

test("browser without JavaScript can consent", async () => {
  const { page } = await consentPage({ javaScriptEnabled: false });
  await page.getByRole("button", { name: "Accept" }).click();
  assert.ok((await atTheApp(page)).code);
});
