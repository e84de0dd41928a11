# cases.sh: what the scripts of this folder share. Each sources it first and ends with `finish`.
# A script makes what it needs in $work, listens on free loopback ports, and ends by pid what it
# started.
set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
top_builddir=${top_builddir:-$PWD}
httpbin=$top_builddir/apps/proa-httpbin/proa-httpbin
get=$top_builddir/apps/proa-get/proa-get
load=$top_builddir/apps/proa-load/proa-load
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY MAKEFLAGS MFLAGS
LC_ALL=C
export LC_ALL
cases=0
failures=0
started=

work=$(mktemp -d) || exit 99
clean_up() {
    for pid in $started; do
        kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
cd "$work" || exit 99

# ---- cases: each of these counts one

fail() { # NAME [WORDS...]
    failures=$((failures + 1))
    echo "FAIL: $1"
    shift
    [ $# -eq 0 ] || printf '      %s\n' "$@"
}
same() { # NAME EXPECTED ACTUAL
    cases=$((cases + 1))
    [ "$2" = "$3" ] || fail "$1" "wanted: $2" "got:    $3"
}
has() { # NAME FILE PATTERN: the file has a line that matches
    cases=$((cases + 1))
    grep -q -e "$3" "$2" || fail "$1" "no line like '$3' in:" "$(head -c 2000 "$2")"
}
has_no() { # NAME FILE PATTERN
    cases=$((cases + 1))
    ! grep -q -e "$3" "$2" || fail "$1" "a line like '$3' in:" "$(head -c 2000 "$2")"
}
ok() { # NAME COMMAND...: succeeds
    cases=$((cases + 1))
    case_name=$1
    shift
    "$@" >ok.out 2>&1 || fail "$case_name" "$* ended with status $?" "$(tail -c 2000 ok.out)"
}
same_files() { # NAME A B
    ok "$1" cmp "$2" "$3"
}
skip() { # WHY: one case that cannot run here
    echo "SKIP: $1"
}
is_there() { # PROGRAM
    command -v "$1" >/dev/null 2>&1
}
finish() {
    echo "$((cases ? 100 * (cases - failures) / cases : 100))%: Checks: $cases, Failures: $failures, Errors: 0"
    [ $failures -eq 0 ]
    exit
}

# ---- programs that run beside the script

until_true() { # COMMAND...: as soon as it succeeds; after twenty seconds not any more
    turns=0
    while ! "$@" >/dev/null 2>&1; do
        turns=$((turns + 1))
        [ $turns -lt 400 ] || return 1
        sleep 0.05
    done
}
begin() { # NAME COMMAND...: run it beside us; $pid; its output in NAME.out and NAME.err
    job_name=$1
    shift
    : >"$job_name.out" # an earlier one's words must not be taken for this one's
    "$@" >"$job_name.out" 2>"$job_name.err" &
    pid=$!
    started="$started $pid"
}
listens() { # NAME N: it has said so N times
    [ "$(grep -c '^listening on ' "$1.out")" -ge "$2" ]
}
serve() { # NAME N COMMAND...: begin, and wait for N lines `listening on`; the first one is $url
    server_name=$1
    lines=$2
    shift 2
    begin "$server_name" "$@"
    if ! until_true listens "$server_name" "$lines"; then
        echo "$* does not listen:"
        cat "$server_name.out" "$server_name.err"
        exit 1
    fi
    url=$(sed -n 's/^listening on //p' "$server_name.out" | head -n 1)
}
end() { # PID: ask it to end; its exit status in $rc
    kill -TERM "$1"
    wait "$1"
    rc=$?
}
run() { # COMMAND...: its status in $rc, its output in out and err
    "$@" >out 2>err
    rc=$?
}
status() { # CURL-ARGUMENTS...: the status curl got; the body in body, the head in head
    curl -sS -m 30 -k -o body -D head -w '%{http_code}' "$@" 2>curl.err
}
certificate() { # for localhost and 127.0.0.1 in cert.pem, its key in key.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout key.pem -out cert.pem >openssl.out 2>&1 || {
        cat openssl.out
        exit 1
    }
}
