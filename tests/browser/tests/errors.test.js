// What must not come back to an app that may not be one: the person is told, and nothing is redirected.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openStage } from "../support/stage.js";

const { app, chromium, tenant } = await openStage();

const REFUSED = [
  ["client that nobody knows", { client_id: "nobody" }],
  ["redirect URI of another path", { redirect_uri: "/elsewhere" }],
  ["redirect URI with a query", { redirect_uri: "/callback?next=1" }],
  ["redirect URI that is a script", { redirect_uri: "javascript:alert(1)" }],
  ["redirect URI of another site", { redirect_uri: "https://attacker.example/callback" }],
];

for (const [situation, parameters] of REFUSED) {
  test(`${situation} leads to a page, not to a redirect`, async () => {
    const uri = parameters.redirect_uri?.replace(/^\//, `${app.origin}/`);
    const page = await chromium.page();
    const { url } = tenant.authorization(app.redirectUri, uri ? { redirect_uri: uri } : parameters);
    const answer = await page.goto(url);

    assert.equal(answer.status(), 400);
    assert.equal(answer.request().redirectedFrom(), null);
    await page.getByRole("heading", { level: 1, name: "This app asked for a login that is not possible" }).waitFor();
    assert.equal(await page.getByRole("link").count(), 0, "nothing to click that leads there");
    assert.equal(page.url(), url);
    assert.deepEqual(app.received, []);
  });
}

test("mistake of an app that is known is told to the app", async () => {
  const page = await chromium.page();
  const { url, state } = tenant.authorization(app.redirectUri, { response_type: "token" });
  await page.goto(url);
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  assert.equal(app.redirect.error, "unsupported_response_type");
  assert.equal(app.redirect.state, state);
});

for (const path of ["/u/login", "/u/consent"]) {
  test(`${path} without a login that waits says so`, async () => {
    const page = await chromium.page();
    for (const parameters of [{}, { transaction: "made up" }]) {
      const answer = await page.goto(tenant.url(path, parameters));
      assert.equal(answer.status(), 400);
      await page.getByRole("heading", { level: 1, name: "This login is over" }).waitFor();
    }
  });
}

test("consent page of another browser's login is not shown", async () => {
  await tenant.change({ require_consent: true });
  const page = await chromium.page();
  await page.goto(tenant.authorization(app.redirectUri).url);
  const stranger = await chromium.page();
  await stranger.goto(page.url().replace("/u/login", "/u/consent"));
  await stranger.getByRole("heading", { name: "This login is over" }).waitFor();
});
