#!/usr/bin/env bash
# The instrumented tests, with the tenant on this machine, which the emulator calls 10.0.2.2. Called by android.yml with the build to
# test: `debug`, or `release`, which R8 has shrunk.
set -euo pipefail
build=${1:-debug}

target/debug/lab serve --port 3000 --api-port 3001 &
tenant=$!
trap 'kill "$tenant"' EXIT

for _ in $(seq 50); do
    curl --silent --fail --output /dev/null http://127.0.0.1:3000/admin/api/settings && break
    sleep 0.2
done

# Chrome shows no page of its own first. Here, because a test's own commands get no shell, and so no `>`.
adb shell 'echo "_ --disable-fre --no-default-browser-check --no-first-run" > /data/local/tmp/chrome-command-line'
adb shell am set-debug-app --persistent com.android.chrome

cd android-app
gradle "-Phallpass.test=$build" ":app:connected${build^}AndroidTest"
# Each activity is destroyed as soon as another one covers it, as on a device that is short of memory.
adb shell settings put global always_finish_activities 1
gradle "-Phallpass.test=$build" ":app:connected${build^}AndroidTest" --rerun
adb shell settings put global always_finish_activities 0
gradle ":app:install${build^}"

# The process ends while the browser is open, as it does when memory is short, and the redirect finishes the login. An
# instrumented test would end with the app, so this is a script.
app=com.example.hallpass.lab

# Prints the elements of the screen, one a line.
screen() { adb exec-out uiautomator dump /dev/tty | tr '>' '\n'; }

# Taps the middle of the first element with the text $1, in any case, when it appears.
tap() {
    local bounds=
    for _ in $(seq 40); do
        bounds=$(screen | grep -i "text=\"$1\"" | grep -oE 'bounds="[^"]*"' | grep -oE '[0-9]+' | head -4 | xargs) || true
        [ -n "$bounds" ] && break
        sleep 0.5
    done
    read -r left top right bottom <<<"$bounds"
    adb shell input tap $(((left + right) / 2)) $(((top + bottom) / 2))
}

adb shell pm clear "$app"
adb shell am start -W -n "$app/.MainActivity"
tap "Log In"
for _ in $(seq 40); do screen | grep -q 'class="android.widget.EditText"' && break; sleep 0.5; done
adb shell am kill "$app"
sleep 1
if adb shell pidof "$app"; then echo "the app was not killed" >&2; exit 1; fi
adb shell input text ada@example.com
adb shell input keyevent TAB
adb shell input text correct%shorse
adb shell input keyevent ENTER
for _ in $(seq 40); do
    screen | grep -q "Signed in as Ada Lovelace" && exit 0
    sleep 0.5
done
echo "the login was not finished after the process had ended" >&2
exit 1
