#!/bin/sh
# Remakes dashboard.schema.json from Grafana's own types; needs node and npm. README.md says why it is kept.
# After a change of the version: `npm install --package-lock-only --omit-lockfile-registry-resolved` first.
set -eu

cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json tsconfig.json checked.ts "$work"
cd "$work"
npm ci --no-audit --no-fund --ignore-scripts
npx --no-install ts-json-schema-generator --path checked.ts --tsconfig tsconfig.json --type Checked \
    --no-type-check --jsDoc none --expose none --minify -o dashboard.schema.json
cd - >/dev/null
cp "$work/dashboard.schema.json" .
