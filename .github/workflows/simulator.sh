#!/usr/bin/env bash
# Boots the newest iPhone of the runtime that the selected Xcode is for, and prints its identifier. A machine may have newer
# runtimes as well, which that Xcode cannot build for.
set -euo pipefail

version=$(xcrun --sdk iphonesimulator --show-sdk-version)
runtime="com.apple.CoreSimulator.SimRuntime.iOS-${version//./-}"
device=$(xcrun simctl list devices available --json | jq --raw-output --arg runtime "$runtime" '
  [.devices[$runtime] // [] | .[] | select(.name | startswith("iPhone"))] | last | .udid // empty')
if [ -z "$device" ]; then
  echo "no iPhone of $runtime; there are:" >&2
  xcrun simctl list devices available >&2
  exit 1
fi
xcrun simctl boot "$device" >&2
xcrun simctl bootstatus "$device" >&2
echo "$device"
