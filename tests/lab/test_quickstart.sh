#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The one command as its user meets it: its help, its refusals, and that an interrupted run leaves
# no process, no namespace and no temporary directory behind.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/tap.sh"

# What is still there of the run with this process id; all its programs have a path below its TMPDIR
# in their arguments.
leftovers() {
	ip netns list | grep "edgepxe-lab-$1-"
	pgrep -af "$LAB_RUN/tmp/"
}

interrupted() {
	local out=$LAB_RUN/out pid status
	mkdir "$LAB_RUN/tmp"
	set -m
	TMPDIR=$LAB_RUN/tmp "$LAB_TOP/quickstart" >"$out" 2>&1 &
	pid=$!
	set +m
	LAB_PIDS+=("$pid")
	lab_wait_for 300 grep -q 'proxyDHCP offer' "$out"
	tap_ok $? "a run gets under way"
	tap_check "it has its namespaces" sh -c "ip netns list | grep -q edgepxe-lab-$pid-site"
	kill -INT "$pid"
	wait "$pid"
	status=$?
	[ $status -eq 130 ]
	tap_ok $? "Ctrl-C ends it with status 130 (was $status)"
	[ -z "$(leftovers "$pid")" ]
	tap_ok $? "no process and no namespace is left"
	[ -z "$(ls -A "$LAB_RUN/tmp")" ]
	tap_ok $? "and no temporary directory"
	[ "$TAP_FAILED" -eq 0 ] || cat "$out"
}

main() {
	local status
	lab_run_start
	tap_check "--help explains and ends well" "$LAB_TOP/quickstart" --help
	"$LAB_TOP/quickstart" --frobnicate >/dev/null 2>&1
	status=$?
	[ $status -eq 2 ]
	tap_ok $? "an unknown argument ends with 2"
	# A copy: the clone may be where nobody else can read.
	cp "$LAB_TOP/quickstart" "$LAB_RUN/"
	setpriv --reuid nobody --clear-groups "$LAB_RUN/quickstart" --no-vm 2>&1 |
		grep -q 'root is needed'
	tap_ok $? "without root it says that root is needed"
	interrupted
	tap_done
}

main
