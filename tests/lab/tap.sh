# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's tests speak TAP: one line a case, the plan at the end, exit status 1 when a case failed.

TAP_COUNT=0
TAP_FAILED=0

# tap_ok STATUS DESCRIPTION
tap_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $TAP_COUNT - $2"
	else
		TAP_FAILED=$((TAP_FAILED + 1))
		echo "not ok $TAP_COUNT - $2"
	fi
}

# tap_check DESCRIPTION COMMAND...
tap_check() {
	local description=$1
	shift
	"$@" >/dev/null 2>&1
	tap_ok $? "$description"
}

# tap_skip DESCRIPTION REASON
tap_skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "ok $TAP_COUNT - $1 # SKIP $2"
}

tap_done() {
	echo "1..$TAP_COUNT"
	echo "# $TAP_COUNT cases, $TAP_FAILED failed"
	[ "$TAP_FAILED" -eq 0 ]
}
