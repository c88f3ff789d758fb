"""`python peer.py TASK WORD…`: Authlib, doing what a benchmark of Hallpass measures.

It prints `ready` once it is set up, then reads a number of iterations a line and answers with the nanoseconds that they
took. A task that the library does not have is answered with `no such task`.
"""

import json
import sys
import time

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet


def id_token(file):
    """The key set is parsed once; the library finds the key by `kid`."""
    with open(file, encoding="utf-8") as opened:
        task = json.load(opened)
    keys = KeySet.import_key_set(task["jwks"])
    options = {"iss": {"essential": True, "values": [task["issuer"]]}}
    parameters = {"nonce": task["nonce"], "client_id": task["client_id"]}

    def work():
        validate(task["algorithm"], task["token"], keys, options, parameters)

    return timed(work)


def login(issuer, client_id, redirect_uri):
    """Metadata, keys and the connection are kept."""
    session = new_session(client_id, redirect_uri)
    metadata, keys = discovered(session, issuer)
    options = {"iss": {"essential": True, "values": [issuer]}}

    def work():
        answer, nonce = exchanged(session, metadata)
        parameters = {"nonce": nonce, "client_id": client_id}
        validate("ES256", answer["id_token"], keys, options, parameters)
        renewed = session.refresh_token(metadata["token_endpoint"], refresh_token=answer["refresh_token"])
        validate("ES256", renewed["id_token"], keys, options, {"client_id": client_id})

    return timed(work)


def first_login(issuer, client_id, redirect_uri):
    """As an app does that keeps no metadata: all of it after the redirect, in the process that it came to."""
    options = {"iss": {"essential": True, "values": [issuer]}}

    def work():
        session = new_session(client_id, redirect_uri)
        metadata, keys = discovered(session, issuer)
        answer, nonce = exchanged(session, metadata)
        validate("ES256", answer["id_token"], keys, options, {"nonce": nonce, "client_id": client_id})

    return timed(work)


def new_session(client_id, redirect_uri):
    return OAuth2Session(
        client_id,
        redirect_uri=redirect_uri,
        scope="openid profile offline_access",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )


def discovered(session, issuer):
    metadata = session.get(f"{issuer}/.well-known/openid-configuration", withhold_token=True).json()
    keys = session.get(metadata["jwks_uri"], withhold_token=True).json()
    return metadata, KeySet.import_key_set(keys)


def exchanged(session, metadata):
    """The benchmark's provider takes the nonce for the code."""
    nonce, verifier = generate_token(43), generate_token(48)
    session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    answer = session.fetch_token(
        metadata["token_endpoint"], grant_type="authorization_code", code=nonce, code_verifier=verifier
    )
    return answer, nonce


def validate(algorithm, token, keys, options, parameters):
    decoded = jwt.decode(token, keys, algorithms=[algorithm])
    CodeIDToken(decoded.claims, decoded.header, options, parameters).validate(leeway=60)


def timed(work):
    def run(iterations):
        start = time.perf_counter_ns()
        for _ in range(iterations):
            work()
        return time.perf_counter_ns() - start

    return run


TASKS = {"id-token": id_token, "login": login, "first-login": first_login}


def main():
    task, *words = sys.argv[1:]
    if task not in TASKS:
        print("no such task", flush=True)
        return
    work = TASKS[task](*words)
    # Once, so that what is broken is broken before anything is measured.
    work(1)
    print("ready", flush=True)
    for line in sys.stdin:
        print(work(int(line)), flush=True)


main()
