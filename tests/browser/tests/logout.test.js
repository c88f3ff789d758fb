// The pages at the end: logged out at once, after a question, or not at all.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openStage } from "../support/stage.js";
import { ADA } from "../support/tenant.js";

const { app, chromium, tenant } = await openStage();

/// A browser in which Ada is logged in, and the ID token of that login.
async function loggedIn(options) {
  const page = await chromium.page(options);
  const authorization = tenant.authorization(app.redirectUri);
  await page.goto(authorization.url);
  await page.getByLabel("Username").fill(ADA.username);
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  const { body } = await tenant.redeem(authorization, page.url());
  app.forget();
  return { page, idToken: body.id_token };
}

/// Whether the browser that shows `page` would be let through without a password.
async function isLoggedIn(page) {
  await page.goto(tenant.authorization(app.redirectUri).url);
  const title = await page.title();
  assert.ok(["Log in", "The app"].includes(title), title);
  return title === "The app";
}

test("logout with the browser's own ID token ends its session and returns to the app", async () => {
  const { page, idToken } = await loggedIn();
  await page.goto(tenant.url("/oidc/logout", { id_token_hint: idToken, post_logout_redirect_uri: app.redirectUri, state: "bye" }));
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  assert.deepEqual(app.redirect, { state: "bye" });
  assert.equal(await isLoggedIn(page), false);
});

test("logout with nowhere to return to says that it is done", async () => {
  const { page, idToken } = await loggedIn();
  await page.goto(tenant.url("/oidc/logout", { id_token_hint: idToken }));
  await page.getByRole("heading", { level: 1, name: "Logged out" }).waitFor();
  await page.getByText("You can close this page.").waitFor();
  assert.equal(await isLoggedIn(page), false);
});

for (const javaScriptEnabled of [true, false]) {
  test(`logout that proves nothing is asked about first, with JavaScript ${javaScriptEnabled ? "on" : "off"}`, async () => {
    const { page } = await loggedIn({ javaScriptEnabled });
    const question = tenant.url("/oidc/logout", { client_id: tenant.clientId, post_logout_redirect_uri: app.redirectUri });
    await page.goto(question);
    await page.getByRole("heading", { level: 1, name: "Log out?" }).waitFor();
    assert.ok((await page.getByRole("main").innerText()).includes(ADA.name));
    assert.equal(await isLoggedIn(page), true, "a question alone ends nothing");

    app.forget();
    await page.goto(question);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Back in the app" }).waitFor();
    assert.equal(await isLoggedIn(page), false);
  });
}

test("logout of Auth0's shape returns to the app that asked", async () => {
  const { page } = await loggedIn();
  await page.goto(tenant.url("/v2/logout", { client_id: tenant.clientId, returnTo: app.redirectUri }));
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  assert.equal(await isLoggedIn(page), false);
});

test("logout of Auth0's shape without a way back shows its own page", async () => {
  const { page } = await loggedIn();
  await page.goto(tenant.url("/v2/logout", { client_id: tenant.clientId }));
  await page.getByRole("heading", { level: 1, name: "Logged out" }).waitFor();
  assert.equal(await isLoggedIn(page), false);
});

for (const [shape, path, parameter] of [
  ["OpenID Connect's", "/oidc/logout", "post_logout_redirect_uri"],
  ["Auth0's", "/v2/logout", "returnTo"],
]) {
  test(`logout of ${shape} shape to an address that is not registered goes nowhere and ends nothing`, async () => {
    const { page, idToken } = await loggedIn();
    const elsewhere = `${app.origin}/elsewhere`;
    await page.goto(tenant.url(path, { client_id: tenant.clientId, id_token_hint: idToken, [parameter]: elsewhere }));
    await page.getByRole("heading", { name: "This app asked for a logout that is not possible" }).waitFor();
    assert.ok((await page.getByRole("main").innerText()).includes(elsewhere));
    assert.deepEqual(app.received, []);
    assert.equal(await isLoggedIn(page), true);
  });
}
