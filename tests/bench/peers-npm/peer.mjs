// `node peer.mjs LIBRARY TASK WORD…`: another library that does what a benchmark of Hallpass measures.
//
// It prints `ready` once it is set up, then reads a number of iterations a line and answers with the nanoseconds that they
// took. A task that the library does not have is answered with `no such task`.

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

import * as jose from 'jose'
import * as client from 'openid-client'

const tasks = {
  'jose id-token': joseIdToken,
  'openid-client login': login,
  'openid-client first-login': firstLogin,
}

const [library, task, ...words] = process.argv.slice(2)
const prepare = tasks[`${library} ${task}`]
if (prepare === undefined) {
  console.log('no such task')
} else {
  await serve(await prepare(...words))
}

async function serve(work) {
  // Once, so that what is broken is broken before anything is measured.
  await work(1)
  console.log('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(String(await work(Number(line))))
  }
}

async function timed(iterations, work) {
  const start = process.hrtime.bigint()
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    await work()
  }
  return process.hrtime.bigint() - start
}

// The key set is local, so that keys are imported once and found by `kid`.
function joseIdToken(file) {
  const { algorithm, token, jwks, issuer, client_id: audience, nonce } = JSON.parse(readFileSync(file, 'utf8'))
  const keys = jose.createLocalJWKSet(jwks)
  const options = { issuer, audience, algorithms: [algorithm], clockTolerance: 60, requiredClaims: ['sub', 'exp', 'iat'] }
  return (iterations) =>
    timed(iterations, async () => {
      const { payload } = await jose.jwtVerify(token, keys, options)
      if (payload.nonce !== nonce) throw new Error('another nonce')
    })
}

// Metadata and keys are had once. Without non-repudiation the library does not look at the signature of an ID token that
// came from the token endpoint; here it does, as Hallpass does.
async function login(issuer, clientId, redirectUri) {
  const configuration = await discovered(issuer, clientId)
  return (iterations) =>
    timed(iterations, async () => {
      const tokens = await exchanged(configuration, redirectUri)
      await client.refreshTokenGrant(configuration, tokens.refresh_token)
    })
}

// As an app does that keeps no metadata: all of it after the redirect, in the process that it came to.
function firstLogin(issuer, clientId, redirectUri) {
  return (iterations) =>
    timed(iterations, async () => {
      await exchanged(await discovered(issuer, clientId), redirectUri)
    })
}

async function discovered(issuer, clientId) {
  const metadata = { id_token_signed_response_alg: 'ES256' }
  const configuration = await client.discovery(new URL(issuer), clientId, metadata, client.None(), {
    execute: [client.allowInsecureRequests],
  })
  client.enableNonRepudiationChecks(configuration)
  return configuration
}

// The benchmark's provider takes the nonce for the code.
async function exchanged(configuration, redirectUri) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const nonce = client.randomNonce()
  const state = client.randomState()
  client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid profile offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    nonce,
    state,
  })
  const callback = new URL(`${redirectUri}?code=${nonce}&state=${state}`)
  return client.authorizationCodeGrant(configuration, callback, {
    pkceCodeVerifier,
    expectedNonce: nonce,
    expectedState: state,
    idTokenExpected: true,
  })
}
