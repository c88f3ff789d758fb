// The login page, as people with and without a mouse, a script or the right password use it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openStage } from "../support/stage.js";
import { ADA } from "../support/tenant.js";

const { app, chromium, tenant } = await openStage();

/// The login page that an app has sent a new user to.
async function loginPage(options, parameters) {
  const page = await chromium.page(options);
  const authorization = tenant.authorization(app.redirectUri, parameters);
  await page.goto(authorization.url);
  await page.getByRole("heading", { level: 1, name: "Log in" }).waitFor();
  return { page, authorization };
}

async function fillIn(page, { username, password } = ADA) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
}

/// What has the focus: the name of the field or the text of the button.
function focused(page) {
  return page.evaluate(() => document.activeElement.name === "action" ? document.activeElement.textContent : document.activeElement.name);
}

/// Waits until the browser is back at the app, and returns the parameters that it brought.
async function atTheApp(page) {
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  return app.redirect;
}

test("right password leads back to the app with a code that is worth tokens", async () => {
  const { page, authorization } = await loginPage();
  await fillIn(page);
  await page.getByRole("button", { name: "Continue" }).click();

  const redirect = await atTheApp(page);
  assert.deepEqual(Object.keys(redirect).sort(), ["code", "iss", "state"]);
  assert.equal(redirect.state, authorization.state);
  assert.equal(redirect.iss, tenant.issuer);
  const { status, body } = await tenant.redeem(authorization, page.url());
  assert.equal(status, 200);
  assert.equal(await tenant.callApi(body.access_token), 200);
});

test("wrong password is told to eyes and to screen readers, and typing goes on where it has to", async () => {
  const { page } = await loginPage();
  await fillIn(page, { ...ADA, password: "wrong horse" });
  await page.getByRole("button", { name: "Continue" }).click();

  await page.getByRole("alert").getByText("Wrong username or password.").waitFor();
  assert.match(await page.title(), /^Wrong username or password/, "a screen reader says the title first");
  for (const label of ["Username", "Password"]) {
    const field = page.getByLabel(label);
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    const described = await field.getAttribute("aria-describedby");
    assert.equal(await page.locator(`#${described}`).textContent(), "Wrong username or password.");
  }
  assert.equal(await page.getByLabel("Username").inputValue(), ADA.username, "nobody types a name twice");
  assert.equal(await page.getByLabel("Password").inputValue(), "", "a password is never sent back");
  assert.equal(await focused(page), "password");
  assert.deepEqual(app.received, []);

  await page.keyboard.type(ADA.password);
  await page.keyboard.press("Enter");
  assert.ok((await atTheApp(page)).code);
});

test("username with markup in it comes back as text", async () => {
  const { page } = await loginPage();
  const hostile = `"><img src=x onerror="document.title='hit'">`;
  await fillIn(page, { username: hostile, password: "x" });
  await page.getByRole("button", { name: "Continue" }).click();

  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("Username").inputValue(), hostile);
  assert.equal(await page.locator("img").count(), 0);
});

test("empty form is not sent, and cancelling needs nothing filled in", async () => {
  const { page, authorization } = await loginPage();
  await page.getByRole("button", { name: "Continue" }).click();
  assert.equal(await page.locator("input:invalid").count(), 2);
  assert.equal((await tenant.requests()).filter(({ endpoint, method }) => endpoint === "login" && method === "POST").length, 0);

  await page.getByRole("button", { name: "Cancel" }).click();
  const redirect = await atTheApp(page);
  assert.equal(redirect.error, "access_denied");
  assert.equal(redirect.state, authorization.state);
  assert.equal(redirect.code, undefined);
});

test("keyboard alone is enough, in the order of the page, and shows where it is", async () => {
  const { page } = await loginPage();
  assert.equal(await focused(page), "username", "typing can begin at once");
  await page.keyboard.type(ADA.username);
  const order = ["password", "Continue", "Cancel"];
  for (const next of order) {
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), next);
    const outline = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
    });
    assert.ok(outline >= 2, `the focus on ${next} can be seen`);
    if (next === "password") await page.keyboard.type(ADA.password);
  }
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  assert.ok((await atTheApp(page)).code);
});

test("keyboard reaches the button that cancels", async () => {
  const { page } = await loginPage();
  for (let presses = 0; (await focused(page)) !== "Cancel"; presses += 1) {
    assert.ok(presses < 5, "Cancel is out of reach");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Space");
  assert.equal((await atTheApp(page)).error, "access_denied");
});

test("browser without JavaScript goes all the way, one mistake included", async () => {
  const { page } = await loginPage({ javaScriptEnabled: false });
  await fillIn(page, { ...ADA, password: "wrong horse" });
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Continue" }).click();
  assert.ok((await atTheApp(page)).code);
});

test("app that knows the user has the name filled in and the focus on the password", async () => {
  const { page } = await loginPage({}, { login_hint: ADA.username });
  assert.equal(await page.getByLabel("Username").inputValue(), ADA.username);
  assert.equal(await focused(page), "password");
});

test("password managers are told which field is which, and nobody corrects a username", async () => {
  const { page } = await loginPage();
  const username = page.getByLabel("Username");
  const password = page.getByLabel("Password");
  assert.equal(await username.getAttribute("autocomplete"), "username");
  assert.equal(await username.getAttribute("autocapitalize"), "none");
  assert.equal(await username.getAttribute("spellcheck"), "false");
  assert.equal(await password.getAttribute("autocomplete"), "current-password");
  assert.equal(await password.getAttribute("type"), "password");
});

test("user who is logged in already is not asked again, unless the app insists", async () => {
  const { page } = await loginPage();
  await fillIn(page);
  await page.getByRole("button", { name: "Continue" }).click();
  await atTheApp(page);
  app.forget();

  await page.goto(tenant.authorization(app.redirectUri).url);
  assert.ok((await atTheApp(page)).code);
  await page.goto(tenant.authorization(app.redirectUri, { prompt: "login" }).url);
  await page.getByLabel("Password").waitFor();
});

test("user who goes back after the login is told that it is over", async () => {
  const { page } = await loginPage();
  await fillIn(page);
  await page.getByRole("button", { name: "Continue" }).click();
  await atTheApp(page);

  await page.goBack();
  await page.getByRole("heading", { name: "This login is over" }).waitFor();
  await page.getByText("Go back to the app and start again.").waitFor();
  assert.equal(app.received.length, 1);
});
