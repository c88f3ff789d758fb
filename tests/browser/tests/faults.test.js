// The dashboard's fault knobs: each kind, planned by form, goes wrong as its name says, once, and then no more.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Dashboard } from "../support/dashboard.js";
import { openStage } from "../support/stage.js";
import { PATIENCE } from "../support/waiting.js";

const { chromium, tenant } = await openStage();

/// What each kind is planned with, and what is seen of it at the endpoint of the metadata.
const KINDS = {
  lost_answer: { seen: (seen) => assert.ok(seen.lost) },
  lost_request: { seen: (seen) => assert.ok(seen.lost) },
  broken_off_answer: { seen: (seen) => assert.ok(seen.status === 200 && seen.brokenOff) },
  delay: { Number: 400, seen: (seen) => assert.ok(seen.milliseconds >= 400 && seen.json) },
  delayed_answer: { Number: 400, seen: (seen) => assert.ok(seen.milliseconds >= 400 && seen.json) },
  too_many_requests: {
    Number: 7,
    seen(seen) {
      assert.equal(seen.status, 429);
      assert.equal(seen.headers.get("retry-after"), "7");
    },
  },
  internal_server_error: { seen: (seen) => assert.equal(seen.status, 500) },
  service_unavailable: {
    Number: 90,
    "Retry-After of a 429 or 503": "http_date",
    seen(seen) {
      assert.equal(seen.status, 503);
      const seconds = (Date.parse(seen.headers.get("retry-after")) - Date.now()) / 1000;
      assert.ok(seconds > 60 && seconds < 120, `${seconds} s`);
    },
  },
  unauthorized: { seen: (seen) => assert.ok(seen.status === 401 && seen.json?.error !== "invalid_grant") },
  unknown_error: { Number: 418, seen: (seen) => assert.ok(seen.status === 418 && seen.json.error) },
  html_body: { seen: (seen) => assert.ok(seen.status === 200 && /^text\/html/.test(seen.headers.get("content-type"))) },
  empty_body: { seen: (seen) => assert.ok(seen.status === 200 && seen.body === "") },
  truncated_json: { seen: (seen) => assert.ok(seen.status === 200 && seen.body.startsWith("{") && !seen.json) },
  oversized_body: { Number: 100_000, seen: (seen) => assert.ok(seen.body.length >= 100_000) },
  deep_json: { Number: 50, seen: (seen) => assert.ok(seen.body.includes("[".repeat(50))) },
  wrong_clock: {
    Number: 7200,
    seen(seen) {
      const seconds = (Date.parse(seen.headers.get("date")) - Date.now()) / 1000;
      assert.ok(Math.abs(seconds - 7200) < 60, `${seconds} s`);
    },
  },
  wrong_issuer: { Text: "https://impostor.example/", seen: (seen) => assert.equal(seen.json.issuer, "https://impostor.example/") },
  redirect: {
    Number: 302,
    Text: "http://127.0.0.1/elsewhere",
    seen(seen) {
      assert.equal(seen.status, 302);
      assert.equal(seen.headers.get("location"), "http://127.0.0.1/elsewhere");
    },
  },
  patched_json: { Text: '{"issuer": "patched"}', seen: (seen) => assert.equal(seen.json.issuer, "patched") },
  odd_body: { Text: "duplicate_member", seen: (seen) => assert.ok(seen.body.startsWith('{"session_hint": 1, "session_hint": "two", ') && seen.json) },
  answer: { Number: 203, Text: "anything", seen: (seen) => assert.ok(seen.status === 203 && seen.body === "anything") },
};

test("every kind that the form offers is tried in this file", async () => {
  const { page } = await Dashboard.open(chromium, tenant);
  const offered = await page.getByLabel("What", { exact: true }).locator("option").evaluateAll((all) => all.map(({ value }) => value));
  assert.deepEqual(offered.sort(), [...Object.keys(KINDS), "patched_id_token"].sort());
});

for (const [kind, { seen: check, ...fields }] of Object.entries(KINDS)) {
  test(`${kind} goes wrong as planned, once`, async () => {
    const dashboard = await Dashboard.open(chromium, tenant);
    await dashboard.plan({ Where: "openid_configuration", What: kind, ...fields });
    assert.equal(await dashboard.page.getByRole("region", { name: "Faults" }).getByRole("listitem").count(), 1);

    check(await look());

    const afterwards = await look();
    assert.equal(afterwards.status, 200);
    assert.equal(afterwards.json.issuer, tenant.issuer);
    assert.deepEqual(await tenant.faults(), []);
    const [first] = await tenant.requests();
    assert.equal(first.fault, kind, "the log names it");
  });
}

test("patched_id_token changes the claims of the next ID token", async () => {
  const dashboard = await Dashboard.open(chromium, tenant);
  await dashboard.plan({ Where: "token", What: "patched_id_token", Text: '{"sub": "somebody else"}' });
  const { id_token: token } = (await tenant.signIn()).body;
  assert.equal(JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sub, "somebody else");
});

test("fault that is for renewals alone leaves logins alone", async () => {
  const dashboard = await Dashboard.open(chromium, tenant);
  await dashboard.plan({ Where: "token", What: "internal_server_error", "Token requests": "refresh_token", "How often": "" });
  const { status, body } = await tenant.signIn();
  assert.equal(status, 200);
  const body_of_renewal = new URLSearchParams({ grant_type: "refresh_token", client_id: tenant.clientId, refresh_token: body.refresh_token });
  for (const attempt of [1, 2, 3]) {
    const answer = await fetch(tenant.url("/oauth/token"), { method: "POST", body: body_of_renewal });
    assert.equal(answer.status, 500, `attempt ${attempt}`);
  }
});

test("request is processed before its answer is replaced, when that is asked for", async () => {
  const dashboard = await Dashboard.open(chromium, tenant);
  await dashboard.plan({ Where: "token", What: "empty_body", "How often": 2, "Process first": true });
  assert.deepEqual(await tenant.faults(), [
    { endpoint: "token", times: 2, after_processing: true, kind: "empty_body" },
  ]);
  await tenant.signIn().catch((error) => assert.ok(error instanceof SyntaxError, "the answer is empty"));
  const [exchange] = (await tenant.requests()).filter(({ endpoint }) => endpoint === "token");
  assert.deepEqual([exchange.fault, exchange.outcome], ["empty_body", { answered: { status: 200 } }]);
});

test("faults are removed one by one, or all at once", async () => {
  const dashboard = await Dashboard.open(chromium, tenant);
  for (const What of ["html_body", "empty_body", "unauthorized"]) await dashboard.plan({ Where: "api", What });
  await dashboard.act("Remove fault 2: Empty body, 200");
  assert.deepEqual((await tenant.faults()).map(({ kind }) => kind), ["html_body", "unauthorized"]);
  await dashboard.act("Remove all faults");
  assert.deepEqual(await tenant.faults(), []);
  await dashboard.page.getByText("None: the tenant does nothing wrong.").waitFor();
});

test("fault that cannot be planned is told, and nothing is planned", async () => {
  const { page } = await Dashboard.open(chromium, tenant);
  await page.getByLabel("What", { exact: true }).selectOption("patched_json");
  await page.getByLabel("Text", { exact: true }).fill("{broken");
  await page.getByRole("button", { name: "Plan fault" }).click();
  await page.getByRole("alert").filter({ hasText: /^Text: / }).waitFor();
  assert.deepEqual(await tenant.faults(), []);
});

/// Asks for the metadata, and returns what came of it.
async function look() {
  const started = Date.now();
  const url = tenant.url("/.well-known/openid-configuration");
  let answer;
  try {
    answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    return { lost: error.name !== "TimeoutError" };
  }
  const { status, headers } = answer;
  const body = await answer.text().catch(() => null);
  const seen = { status, headers, body, brokenOff: body === null, milliseconds: Date.now() - started };
  try {
    return { ...seen, json: JSON.parse(body) };
  } catch {
    return seen;
  }
}
