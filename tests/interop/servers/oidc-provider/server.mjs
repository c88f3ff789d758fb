// node-oidc-provider as an authorization server with one user, one client and one API, in one of two shapes:
//
// - `openid`: paths of its own, found by discovery; `resource` (RFC 8707); errors as RFC 6749 has them;
// - `auth0`: Auth0's paths, JSON bodies, `audience`, `/v2/logout`, an issuer that ends in a slash, and 403 for `invalid_grant`.
//
// The whole protocol is the library's. What is here are its settings, the pages, the API, and what dresses it as Auth0.
//
//   node server.mjs '{"port": 3000, "shape": "openid", "reuseInterval": 0, "state": null}'
//
// `reuseInterval` is for how many seconds a spent refresh token works again, `state` the file that outlives a restart.

import * as crypto from 'node:crypto';

import { createLocalJWKSet, jwtVerify } from 'jose';
import { Provider } from 'oidc-provider';

import { State } from './state.mjs';
import { consentPage, loginPage, logoutPage } from './pages.mjs';

const { port, shape, reuseInterval, state: file } = JSON.parse(process.argv[2]);
const auth0 = shape === 'auth0';
const origin = `http://127.0.0.1:${port}`;
const issuer = auth0 ? `${origin}/` : origin;
const api = 'https://expenses-api';
const user = { accountId: 'user-ada', name: 'ada', password: 'correct horse' };

const state = new State(file, reuseInterval);
const keys = state.once('keys', () => {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: crypto.randomUUID() }];
});
const publicKeys = createLocalJWKSet({ keys: keys.map(({ kty, n, e, alg, use, kid }) => ({ kty, n, e, alg, use, kid })) });

const provider = new Provider(issuer, {
  adapter: (model) => state.adapter(model),
  clients: [{
    client_id: 'hallpass-app',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['com.example.hallpass:/callback'],
    post_logout_redirect_uris: ['com.example.hallpass:/logged-out'],
  }],
  claims: { openid: ['sub'], profile: ['name'] },
  cookies: { keys: state.once('cookies', () => [crypto.randomUUID()]) },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        audience: api,
        scope: 'read:reports',
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
      useGrantedResource: () => true,
    },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = logoutPage(form); } },
  },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId, name: 'Ada Lovelace' }) }),
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  jwks: { keys },
  rotateRefreshToken: true,
  // Auth0 gives one for `offline_access` alone; the library insists on `prompt=consent` with it (OpenID Connect Core §11).
  ...(auth0 && { issueRefreshToken: () => true, expiresWithSession: () => false, routes: {
    authorization: '/authorize',
    end_session: '/oidc/logout',
    jwks: '/.well-known/jwks.json',
    revocation: '/oauth/revoke',
    token: '/oauth/token',
    userinfo: '/userinfo',
  } }),
  ttl: { AccessToken: 10, AuthorizationCode: 60, Grant: 86400, IdToken: 3600, Interaction: 600, RefreshToken: 86400, Session: 86400 },
});

if (auth0) {
  provider.use(dressedAsAuth0);
}
provider.use(ours);
provider.listen(port, '127.0.0.1');

/** What of Auth0's behaviour is not a setting of the library. */
async function dressedAsAuth0(ctx, next) {
  if (ctx.path === '/v2/logout') {
    const { client_id, returnTo } = ctx.query;
    return ctx.redirect(`/oidc/logout?${new URLSearchParams({ client_id, post_logout_redirect_uri: returnTo })}`);
  }
  if (ctx.path === '/authorize' && ctx.query.audience) {
    const { audience, auth0Client: _, ...query } = ctx.query;
    ctx.query = { ...query, resource: audience };
  }
  if (ctx.path === '/userinfo') {
    // The library's takes no token for an API; Auth0's does.
    return forToken(ctx, 'openid', ({ sub }) => ({ sub, name: 'Ada Lovelace' }));
  }
  if (ctx.is('json')) {
    ctx.req.body = JSON.parse(await read(ctx.req));
    ctx.req.headers['content-type'] = 'application/x-www-form-urlencoded';
  }
  await next();
  if (ctx.path === '/oauth/token' && ctx.body?.error === 'invalid_grant') {
    ctx.status = 403;
  }
}

/** The pages, the API, and the administrator's button. */
async function ours(ctx, next) {
  if (ctx.path.startsWith('/interaction/')) {
    await interaction(ctx);
  } else if (ctx.path === '/api/reports') {
    await forToken(ctx, 'read:reports', ({ sub }) => ({ owner: sub, reports: [] }));
  } else if (ctx.path === '/admin/sign-out' && ctx.method === 'POST') {
    state.signOut(user.accountId);
    ctx.status = 204;
  } else {
    await next();
  }
}

async function interaction(ctx) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
  if (ctx.method !== 'POST') {
    ctx.body = prompt.name === 'login' ? loginPage(ctx.path) : consentPage(ctx.path, params);
    return;
  }
  const form = new URLSearchParams(await read(ctx.req));
  let result;
  if (form.get('action') === 'cancel') {
    result = { error: 'access_denied' };
  } else if (prompt.name === 'consent') {
    result = { consent: { grantId: await consented(prompt.details, params, session, grantId) } };
  } else if (form.get('username') === user.name && form.get('password') === user.password) {
    result = { login: { accountId: user.accountId } };
  } else {
    ctx.status = 400;
    ctx.body = loginPage(ctx.path, 'Wrong username or password');
    return;
  }
  await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: prompt.name === 'consent' });
  ctx.respond = false;
}

async function consented(details, params, session, grantId) {
  const { accountId } = session;
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId, clientId: params.client_id });
  if (details.missingOIDCScope) {
    grant.addOIDCScope(details.missingOIDCScope.join(' '));
  }
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return grant.save();
}

/** Answers whoever has an access token for the API with the scope (RFC 6750 §3, RFC 9068 §4). */
async function forToken(ctx, scope, answer) {
  try {
    const token = /^Bearer (.+)$/.exec(ctx.get('authorization'))?.[1];
    const { payload } = await jwtVerify(token, publicKeys, { issuer, audience: api, typ: 'at+jwt', clockTolerance: 0 });
    // A token for an API has only the API's scopes here, while Auth0's has `openid` as well.
    ctx.status = scope === 'openid' || payload.scope.split(' ').includes(scope) ? 200 : 403;
    ctx.body = ctx.status === 200 ? answer(payload) : { error: 'insufficient_scope' };
  } catch {
    ctx.status = 401;
    ctx.set('WWW-Authenticate', 'Bearer error="invalid_token"');
    ctx.body = { error: 'invalid_token' };
  }
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
