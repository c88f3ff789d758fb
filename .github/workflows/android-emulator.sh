#!/usr/bin/env bash
# The instrumented tests, with the tenant on the emulator's own localhost. Called by android.yml.
set -euo pipefail

target/debug/lab serve --port 3000 --api-port 3001 &
tenant=$!
trap 'kill "$tenant"' EXIT

for _ in $(seq 50); do
    curl --silent --fail --output /dev/null http://127.0.0.1:3000/admin/api/settings && break
    sleep 0.2
done
adb reverse tcp:3000 tcp:3000
adb reverse tcp:3001 tcp:3001

cd android-app
gradle :app:connectedDebugAndroidTest
