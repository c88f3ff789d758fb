// The dashboard's switches: each changes the tenant, and what a client gets from it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Dashboard } from "../support/dashboard.js";
import { openStage } from "../support/stage.js";

const { chromium, tenant } = await openStage();

/// Another text for the settings that are one, by name: what is typed, and what the setting is then.
const TEXTS = {
  audiences: ["https://one.example https://two.example", ["https://one.example", "https://two.example"]],
  api_scopes: ["read:reports", ["read:reports"]],
  default_audience: ["https://expenses-api", "https://expenses-api"],
  public_host: ["localhost", "localhost"],
  token_type: ["bearer", "bearer"],
  dpop_nonce: ["nonce-1", "nonce-1"],
  api_dpop_nonce: ["nonce-2", "nonce-2"],
};

/// Sets a control to another value, and returns what the setting has to be then.
async function alter(control, name, value) {
  const kind = await control.evaluate((element) => element.type);
  if (kind === "checkbox") {
    await control.click();
    return !value;
  }
  if (kind === "select-one") {
    const choices = await control.locator("option").evaluateAll((options) => options.map((option) => option.value));
    const other = choices.findLast((choice) => choice !== value);
    await control.selectOption(other);
    return other;
  }
  if (kind === "number") {
    const other = (value ?? 0) + 7;
    await control.fill(String(other));
    return other;
  }
  const [typed, setting] = TEXTS[name];
  await control.fill(typed);
  return setting;
}

test("every setting has a control, which shows it, and changes it and no other", async () => {
  const initial = await tenant.settings();
  const dashboard = await Dashboard.open(chromium, tenant);
  let expected = initial;
  for (const [name, value] of Object.entries(initial)) {
    const control = dashboard.setting(name);
    expected = { ...expected, [name]: await alter(control, name, value) };
    await dashboard.save();
    assert.deepEqual(await tenant.settings(), expected, name);
  }

  await tenant.reset();
  await dashboard.page.goto(tenant.dashboardUrl);
  await dashboard.save();
  assert.deepEqual(await tenant.settings(), initial, "what is shown is what is");
});

test("lifetime that is emptied is for ever, and a host that is emptied follows the request", async () => {
  await tenant.change({ public_host: "localhost", default_audience: tenant.audience });
  const dashboard = await Dashboard.open(chromium, tenant);
  const optional = ["refresh_token_lifetime_seconds", "refresh_token_idle_lifetime_seconds", "public_host", "default_audience"];
  for (const name of optional) await dashboard.setting(name).fill("");
  await dashboard.save();
  const settings = await tenant.settings();
  assert.deepEqual(optional.map((name) => settings[name]), [null, null, null, null]);
});

test("number that is none is not sent, and the field says so", async () => {
  const dashboard = await Dashboard.open(chromium, tenant);
  const expiration = dashboard.page.getByLabel("Token Expiration (Seconds)", { exact: true });
  for (const wrong of ["", "-1", "1.5"]) {
    await expiration.fill(wrong);
    await dashboard.page.getByRole("button", { name: "Save settings" }).click();
    assert.ok(await expiration.evaluate((field) => field.matches(":invalid:focus")), `“${wrong}” is taken`);
  }
  assert.equal((await tenant.settings()).token_expiration_seconds, 3600);
});

/// What a switch does to a client: its label, its value, and what has to be seen.
const CONSEQUENCES = [
  ["Allow Offline Access", false, async () => assert.equal("refresh_token" in (await tenant.signIn()).body, false)],
  ["Allow Offline Access", true, async () => assert.ok((await tenant.signIn()).body.refresh_token)],
  ["Token Expiration (Seconds)", 10, async () => assert.equal((await tenant.signIn()).body.expires_in, 10)],
  [
    "Rotation",
    true,
    async () => {
      const { refresh_token: first } = (await tenant.signIn()).body;
      const { refresh_token: second } = (await tenant.renew(first)).body;
      assert.ok(second && second !== first);
      assert.equal((await tenant.renew(first)).body.error, "invalid_grant");
    },
  ],
  ["Rotation", false, async () => assert.equal("refresh_token" in (await renewed()).body, false)],
  ["ID token on refresh", false, async () => assert.equal("id_token" in (await renewed()).body, false)],
  ["Signing algorithm", "ES256", async () => assert.equal(decoded((await tenant.signIn()).body.id_token, 0).alg, "ES256")],
  ["ID token expiration (seconds)", 60, async () => {
    const { iat, exp } = decoded((await tenant.signIn()).body.id_token, 1);
    assert.equal(exp - iat, 60);
  }],
  ["expires_in", "a number in a string", async () => assert.equal((await tenant.signIn()).body.expires_in, "3600")],
  ["expires_in", "absent", async () => assert.equal("expires_in" in (await tenant.signIn()).body, false)],
  ["token_type", "bEaReR", async () => assert.equal((await tenant.signIn()).body.token_type, "bEaReR")],
  ["Errors", "RFC 6749: 400", async () => assert.equal((await tenant.renew("unknown")).status, 400)],
  ["Errors", "Auth0: 403", async () => assert.equal((await tenant.renew("unknown")).status, 403)],
  ["Header of a 401", "www-authenticate", async () => assert.ok((await fetch(tenant.apiUrl)).headers.has("www-authenticate"))],
  ["Understand proofs", false, async () => assert.equal("dpop_signing_alg_values_supported" in (await metadata()), false)],
  ["Understand proofs", true, async () => assert.deepEqual((await metadata()).dpop_signing_alg_values_supported, ["ES256"])],
  ["iss in authorization responses", false, async () => assert.equal((await metadata()).authorization_response_iss_parameter_supported, false)],
  ["Host in the issuer", "localhost", async () => assert.equal(new URL((await metadata()).issuer).hostname, "localhost")],
  ["Requests in a window", 1, async () => {
    await tenant.renew("unknown");
    assert.equal((await tenant.renew("unknown")).status, 429);
  }],
];

for (const [label, value, check] of CONSEQUENCES) {
  test(`${label} set to ${value} is what a client meets`, async () => {
    const dashboard = await Dashboard.open(chromium, tenant);
    await dashboard.set(label, label === "expires_in" || label === "Errors" ? { label: value } : value);
    await check();
  });
}

async function renewed() {
  return tenant.renew((await tenant.signIn()).body.refresh_token);
}

async function metadata() {
  return (await fetch(tenant.url("/.well-known/openid-configuration"))).json();
}

function decoded(token, part) {
  return JSON.parse(Buffer.from(token.split(".")[part], "base64url"));
}
