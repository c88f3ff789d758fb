// The authorization server and expenses API that the pages belong to, in a process of its own (`lab serve`).

import { createHash, randomBytes } from "node:crypto";

import { Lab } from "./program.js";
import { PATIENCE, eventually } from "./waiting.js";

export const ADA = { username: "ada@example.com", password: "correct horse", name: "Ada Lovelace" };

export class Tenant {
  #lab;

  /// Starts one on free ports.
  static async start() {
    const lab = new Lab(["serve", "--port", "0", "--api-port", "0"]);
    await eventually("the tenant's greeting", () => {
      if (!lab.running) throw new Error(`lab serve ended: ${lab.stderr}`);
      return lab.stdout.includes("Control-C");
    });
    return new Tenant(lab);
  }

  constructor(lab) {
    const row = (name) => lab.stdout.match(new RegExp(`^ +${name} +(\\S+)`, "m"))[1];
    this.#lab = lab;
    this.issuer = row("tenant");
    this.apiUrl = row("API");
    this.clientId = row("client id");
    this.audience = row("audience");
  }

  async stop() {
    await this.#lab.stop();
  }

  /// The URL of a page or an endpoint.
  url(path, parameters = {}) {
    const url = new URL(path, this.issuer);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  get dashboardUrl() {
    return this.url("/dashboard");
  }

  /// Where an app sends the browser for a login, and the verifier that redeems its code. `more` replaces parameters.
  authorization(redirectUri, more = {}) {
    const verifier = randomBytes(32).toString("base64url");
    const url = this.url("/authorize", {
      response_type: "code",
      client_id: this.clientId,
      redirect_uri: redirectUri,
      scope: "openid profile read:reports offline_access",
      audience: this.audience,
      state: randomBytes(16).toString("base64url"),
      nonce: randomBytes(16).toString("base64url"),
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      ...more,
    });
    return { url, verifier, redirectUri, state: new URL(url).searchParams.get("state") };
  }

  /// Redeems the code of `callback`. Returns `{ status, body }`.
  async redeem(authorization, callback) {
    return this.token({
      grant_type: "authorization_code",
      code: new URL(callback).searchParams.get("code"),
      code_verifier: authorization.verifier,
      redirect_uri: authorization.redirectUri,
    });
  }

  async renew(refreshToken) {
    return this.token({ grant_type: "refresh_token", refresh_token: refreshToken });
  }

  async token(parameters) {
    const body = new URLSearchParams({ client_id: this.clientId, ...parameters });
    const answer = await fetch(this.url("/oauth/token"), { method: "POST", body, signal: AbortSignal.timeout(PATIENCE) });
    return { status: answer.status, body: await answer.json() };
  }

  /// Signs Ada in without a browser, as a script would, and returns the token response.
  async signIn() {
    const authorization = this.authorization("http://127.0.0.1/callback");
    const follow = async (url, init) => {
      const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(PATIENCE), ...init });
      return new URL(answer.headers.get("location"), url);
    };
    const page = await follow(authorization.url);
    const body = new URLSearchParams({ ...ADA, action: "continue", transaction: page.searchParams.get("transaction") });
    const callback = await follow(this.url("/u/login"), { method: "POST", body });
    return this.redeem(authorization, callback);
  }

  /// The status with which the expenses API answers this access token.
  async callApi(accessToken) {
    const headers = { authorization: `Bearer ${accessToken}` };
    return (await fetch(this.apiUrl, { headers, signal: AbortSignal.timeout(PATIENCE) })).status;
  }

  async settings() {
    return this.admin("GET", "settings");
  }

  async change(settings) {
    return this.admin("PATCH", "settings", settings);
  }

  async faults() {
    return this.admin("GET", "faults");
  }

  async requests() {
    return this.admin("GET", "requests");
  }

  async reset() {
    return this.admin("POST", "reset");
  }

  /// Asks the admin API.
  async admin(method, path, body) {
    const answer = await fetch(this.url(`/admin/api/${path}`), {
      method,
      headers: { "content-type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
    return json;
  }
}
