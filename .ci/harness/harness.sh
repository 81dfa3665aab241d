# What the runs of end-to-end checks share; to be sourced. It installs what they need, and defines
#
#     gather DIRECTORY PROGRAM...      links the programs of a directory and of its `examples` to
#                                      the new directory $programs
#     checks NAME SECONDS COMMAND...   runs one script of checks, and whatever it starts
#     finish                           prints `N passed, N failed`, exits with 0 if all passed
#
# Scripts find $TMPDIR, removed at the end, and what `install` put into $cache.

cache=${TIDINGS_CI_CACHE:-/tmp/tidings-ci}
harness=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$harness/install"

# Python finds what scripts share, and Node the packages in the cache.
export PYTHONPATH="$harness" NODE_PATH="$cache/node/node_modules" PYTHONDONTWRITEBYTECODE=1
# All that is talked to is on this machine.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
TMPDIR=$(mktemp -d)
export TMPDIR
results=$TMPDIR/results
touch "$results"
group=

# Each script and all it starts are one process group.
end_group() {
    [ -n "$group" ] || return 0
    kill -TERM -- "-$group" 2>/dev/null || true
    for _ in {1..20}; do
        kill -0 -- "-$group" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null || true
    group=
}
trap 'end_group; rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM HUP

gather() {
    local directory program found
    directory=$(realpath "$1")
    shift
    programs=$TMPDIR/programs
    mkdir "$programs"
    for program in "$@"; do
        found=$directory/$program
        [ -x "$found" ] || found=$directory/examples/$program
        [ -x "$found" ] || { echo "$directory has no program $program" >&2; exit 2; }
        ln -s "$found" "$programs"
    done
}

checks() {
    local name=$1 seconds=$2 code=0 failed_before
    failed_before=$(count FAIL)
    shift 2
    set -m
    { timeout --foreground --kill-after=5 "$seconds" "$@" | tee -a "$results"; } &
    group=$!
    set +m
    wait "$group" || code=$?
    end_group
    # A script exits with 1 when it has told of a failed check; all else is one more.
    if [ "$code" -gt 1 ] || { [ "$code" -eq 1 ] && [ "$(count FAIL)" -eq "$failed_before" ]; }; then
        echo "FAIL  $name: ended with exit code $code (124: not within $seconds s)" | tee -a "$results"
    fi
}

finish() {
    local passed failed
    passed=$(count ok)
    failed=$(count FAIL)
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

count() {
    grep -c "^$1 " "$results" || true
}
