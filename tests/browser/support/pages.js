// Every page that people see, and how to get there.

import { Dashboard } from "./dashboard.js";
import { Terminal, addressOf, redirectUriIn } from "./session.js";
import { ADA } from "./tenant.js";

/// By name: a function that leads `page` there. It gets the stage, and may return something to be closed afterwards.
export const PAGES = {
  async login({ tenant, app }, page) {
    await page.goto(tenant.authorization(app.redirectUri).url);
  },

  async "login-wrong-password"(stage, page) {
    await logIn(stage, page, { ...ADA, password: "wrong" });
    await page.getByRole("alert").waitFor();
  },

  async "login-over"({ tenant }, page) {
    await page.goto(tenant.url("/u/login"));
  },

  async consent(stage, page) {
    await stage.tenant.change({ require_consent: true });
    await logIn(stage, page);
    await page.getByRole("button", { name: "Accept" }).waitFor();
  },

  async "login-not-possible"({ tenant, app }, page) {
    await page.goto(tenant.authorization(app.redirectUri, { client_id: "another-client" }).url);
  },

  async dashboard({ tenant }, page) {
    await tenant.change({ refresh_token_rotation: true });
    await tenant.admin("POST", "faults", { endpoint: "token", kind: "lost_answer", grant_type: "refresh_token" });
    const { body } = await tenant.signIn();
    await tenant.callApi(body.access_token);
    await tenant.renew(body.refresh_token).catch(() => {});
    await tenant.renew(body.refresh_token);
    await tenant.callApi("expired");
    await page.goto(tenant.dashboardUrl);
    const dashboard = new Dashboard(page);
    await dashboard.plan({ Where: "api", What: "too_many_requests", "How often": 2 });
    await dashboard.set("Token Expiration (Seconds)", 10);
  },

  async "log-out"(stage, page) {
    await logIn(stage, page);
    await page.getByRole("heading", { name: "Back in the app" }).waitFor();
    await page.goto(stage.tenant.url("/oidc/logout", { client_id: stage.tenant.clientId }));
  },

  async "logged-out"({ tenant }, page) {
    await page.goto(tenant.url("/v2/logout", { client_id: tenant.clientId }));
  },

  async "app-done"(stage, page) {
    return atTheLoopbackPort(stage, async (address) => {
      await page.goto(address);
      await fillIn(page, ADA);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("heading", { name: "You can return to the app" }).waitFor();
    });
  },

  async "app-failed"(stage, page) {
    return atTheLoopbackPort(stage, async (address) => {
      await page.goto(address);
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByRole("heading", { name: "You were not signed in" }).waitFor();
    });
  },

  async "app-other-sign-in"(stage, page) {
    return atTheLoopbackPort(stage, async (address) => {
      await page.goto(`${redirectUriIn(address)}?code=another&state=another`);
      await page.getByRole("heading", { name: "This page belongs to another sign-in" }).waitFor();
    });
  },
};

async function logIn({ tenant, app }, page, user = ADA) {
  await page.goto(tenant.authorization(app.redirectUri).url);
  await fillIn(page, user);
  await page.getByRole("button", { name: "Continue" }).click();
}

async function fillIn(page, { username, password }) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
}

/// Starts a login at a terminal, which waits for its redirect while `visit` goes where it likes.
async function atTheLoopbackPort({ tenant }, visit) {
  const terminal = await Terminal.open(tenant);
  try {
    await visit(await addressOf(terminal.start(["login", "--no-open"])));
  } finally {
    await terminal.close();
  }
}
