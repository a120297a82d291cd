# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What every part of the lab shares: messages, the cache, the clock, and the certainty that what a
# run started (processes, namespaces, its temporary directory) is gone when it ends.
# shellcheck disable=SC2034  # much of this is for the files that source it

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_TOP=$(cd "$LAB_DIR/../.." && pwd)
LAB_CACHE=${EDGEPXE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/edgepxe-lab}

. "$LAB_DIR/world.sh"

lab_die() {
	echo "lab: $*" >&2
	exit 1
}

# Hundredths of a second since 1970.
lab_now_cs() {
	local now=${EPOCHREALTIME/[.,]/}
	echo $((now / 10000))
}

lab_need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || lab_die "$tool is missing (quickstart installs it)"
	done
}

# lab_key FILE...: a name that changes with the content of any of the files.
lab_key() {
	sha256sum "$@" | sha256sum | cut -c 1-16
}

# lab_cached DIRECTORY COMMAND...: makes DIRECTORY with COMMAND, which gets an empty directory as its
# last argument, unless it is there; a command that fails or is interrupted leaves nothing behind.
lab_cached() {
	local ret_dir=$1
	shift
	[ -d "$ret_dir" ] && return 0
	mkdir -p "$(dirname "$ret_dir")"
	(
		half=$(mktemp -d "$ret_dir.XXXXXX") || exit 1
		trap 'rm -rf "$half"' EXIT
		trap 'exit 130' INT TERM HUP
		"$@" "$half" && chmod 755 "$half" || exit 1
		# Another run may have been faster: then its result is as good as ours.
		mv -T "$half" "$ret_dir" 2>/dev/null || [ -d "$ret_dir" ]
	)
}

# --- a run: one temporary directory, its processes and its namespaces -----------------------------

lab_run_start() {
	LAB_PIDS=()
	LAB_NAMESPACES=()
	LAB_RUN=$(mktemp -d "${TMPDIR:-/tmp}/edgepxe-lab.XXXXXX")
	LAB_RUN_NAME=edgepxe-lab-$BASHPID
	# The unprivileged user of the daemon and of nginx has to get through.
	chmod 755 "$LAB_RUN"
	trap lab_run_stop EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	export LAB_RUN LAB_RUN_NAME
}

# lab_background LOG COMMAND...: starts COMMAND in a process group of its own (a Ctrl-C is for the
# run alone, which then ends everything in order). LAB_PID is its id, and that of the program that
# a function like lab_in starts.
lab_background() {
	local log=$1
	shift
	: >"$log"
	set -m
	(
		LAB_EXEC="exec"
		"$@"
	) >"$log" 2>&1 </dev/null &
	LAB_PID=$!
	set +m
	LAB_PIDS+=("$LAB_PID")
}

lab_stop_process() {
	local pid=$1 i
	kill -TERM -- "-$pid" 2>/dev/null || return 0
	for ((i = 0; i < 50; i++)); do
		kill -0 -- "-$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL -- "-$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

lab_run_stop() {
	local status=$? pid ns
	trap '' INT TERM HUP
	trap - EXIT
	for pid in "${LAB_PIDS[@]}"; do
		lab_stop_process "$pid"
	done
	for ns in "${LAB_NAMESPACES[@]}"; do
		ip netns del "$ns" 2>/dev/null
	done
	if [ -n "${EDGEPXE_LAB_KEEP-}" ]; then
		echo "lab: logs kept in $LAB_RUN" >&2
	else
		rm -rf "$LAB_RUN"
	fi
	exit "$status"
}

# lab_wait_for SECONDS COMMAND...: until COMMAND succeeds, at most so long.
lab_wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.1
	done
}
