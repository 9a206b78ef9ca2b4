#!/usr/bin/env bash
# Takes all figures with a release build: `benches/run.sh` on SQLite, `benches/run.sh pg` on a throw-away PostgreSQL cluster as well, which
# the comparisons with the limit need. It stops everything that it has started and deletes everything that it has stored.
#
#   COURTSIDE=…  BENCH=…   existing binaries to measure, instead of building them
#   SECONDS_EACH=10        length of a turn of load
#   HANG_SECONDS=300       how long Cal.com hangs
#   PEER=…                 a program that serves createBooking, to compare with in `writes`
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n 16384

if [ -z "${COURTSIDE:-}" ] || [ -z "${BENCH:-}" ]; then
    cargo build --release --locked -p courtside -p benches
fi
built="${CARGO_TARGET_DIR:-target}/release"
courtside="${COURTSIDE:-$built/courtside}"
bench="${BENCH:-$built/bench}"
turn="${SECONDS_EACH:-10}"
secret="bench-webhook-secret"
work="$(mktemp -d)"
chmod 755 "$work"
server=""
cluster=""

as_postgres() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$cluster" ] || as_postgres "$pg_bin/pg_ctl" -D "$cluster" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Starts a cluster that listens on a free port of the loopback address only; sets `admin` to the address of its first database. Statements
# are counted only while `writes` turns that on.
start_cluster() {
    pg_bin="$(dirname "$(ls -d /usr/lib/postgresql/*/bin/initdb | tail -1)")"
    cluster="$work/cluster"
    mkdir "$cluster"
    [ "$(id -u)" != 0 ] || chown postgres "$cluster"
    as_postgres "$pg_bin/initdb" -D "$cluster" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
    local port
    port="$(free_port)"
    as_postgres "$pg_bin/pg_ctl" -D "$cluster" -l "$cluster/log" -w start \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
            -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=none" >/dev/null
    admin="postgres://postgres@127.0.0.1:$port/postgres"
}

# Creates a database of that name; sets `database`.
new_database() {
    if [ "$kind" = sqlite ]; then
        database="sqlite://$work/$1.db"
    else
        as_postgres "$pg_bin/createdb" --maintenance-db="$admin" "$1"
        database="${admin%/*}/$1"
    fi
}

# Starts Courtside on `$database`; sets `url` and `server`.
start_server() {
    local port
    port="$(free_port)"
    url="http://127.0.0.1:$port"
    env LISTEN="127.0.0.1:$port" DATABASE_URL="$database" DEMO_DATA=false RATE_LIMIT_BOOKINGS_PER_MINUTE=0 \
        CALCOM_WEBHOOK_SECRETS="$secret" LOG_LEVEL=warn LOG_FORMAT=json "$courtside" >/dev/null 2>"$work/server.log" &
    server=$!
    until curl -fs -o /dev/null "$url/healthz"; do
        kill -0 "$server" || { cat "$work/server.log"; exit 1; }
        sleep 0.05
    done
}

stop_server() {
    kill "$server"
    wait "$server" || true
    server=""
}

token_of() { DATABASE_URL="$database" "$courtside" token --role client --user "$1"; }

failed=0
measure() {
    "$bench" "$@" || { failed=1; echo "FAILED: bench $1"; }
}

all_on() {
    kind="$1"
    printf '\n==== %s\n' "$kind"
    new_database loaded
    measure seed-load --database-url "$database"
    measure cold-start --binary "$courtside" --database-url "$database"

    start_server
    local token
    token="$(token_of load-client-0707)"
    for connections in 1 32; do
        measure load --url "$url" --query slots --connections "$connections" --seconds "$turn" --pid "$server"
    done
    measure load --url "$url" --query q3 --seconds "$turn" --pid "$server"
    measure load --url "$url" --token "$token" --query mutation --seconds "$turn" --pid "$server"
    stop_server

    start_server
    measure sockets --url "$url" --token "$token" --count 1000 --pid "$server"
    stop_server
    if [ "$kind" = pg ]; then
        measure compare --binary "$courtside" --database-url "$database" --seconds "$turn"
        for setting in "--pool 8" "--pool 64 --commit-delay 2000"; do
            # shellcheck disable=SC2086 # two options or one
            measure writes --binary "$courtside" --database-url "$database" --seconds "$turn" $setting ${PEER:+--peer "$PEER"}
        done
    else
        measure writes --binary "$courtside" --database-url "$database" --seconds "$turn"
    fi

    new_database hooks
    start_server
    measure webhook-latency --url "$url" --secret "$secret" --database-url "$database" --rate 20 --count 600
    measure webhooks --url "$url" --secret "$secret" --database-url "$database" --senders 16 --count 20000
    stop_server

    new_database races
    start_server
    measure races --url "$url" --database-url "$database" --rounds 100 --callers 200
    stop_server

    local where=()
    [ "$kind" = sqlite ] || where=(--postgres "$admin")
    measure crash --binary "$courtside" --rounds 20 --webhooks 500 "${where[@]}"
    measure crash-calcom --binary "$courtside" "${where[@]}"
    measure slots-calcom --binary "$courtside" "${where[@]}"
    measure hang-calcom --binary "$courtside" --seconds "${HANG_SECONDS:-300}" "${where[@]}"
    measure forgeries --binary "$courtside" "${where[@]}"
    measure burst-calcom --binary "$courtside" "${where[@]}"
}

all_on sqlite
if [ "${1:-}" = pg ]; then
    start_cluster
    all_on pg
fi
exit "$failed"
