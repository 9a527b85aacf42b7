#!/usr/bin/env bash
# openai_client.sh PROGRAM FOLDER: fetches OpenAI's npm client into FOLDER once, and lets it ask `PROGRAM serve`.
# Exits 77 (skipped) without node, npm or the registry.
set -euo pipefail
program=$1
folder=$2
skip() {
    echo "skipped: $*"
    exit 77
}
command -v node >/dev/null || skip "there is no node"
command -v npm >/dev/null || skip "there is no npm"
# The newest runs on node 20 (it asks for 22); Debian 12 has 18.
version=7.57.0
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || version=4.95.0
mkdir -p "$folder"
if [ ! -d "$folder/node_modules/openai" ]; then
    npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts "openai@$version" >"$folder/npm.log" 2>&1 ||
        skip "npm could not fetch openai@$version; see $folder/npm.log"
fi
cp "$(dirname "${BASH_SOURCE[0]}")/openai_client.mjs" "$folder/openai_client.mjs"
exec node "$folder/openai_client.mjs" "$program"
