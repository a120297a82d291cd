#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A node that cannot go on says why on its screen (the step, the NIC, iPXE's error) and restarts,
# instead of sitting in a shell for ever. The cases wait for minutes, so they run side by side.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/job.sh"
. "$here/tap.sh"

nothing_published() {
	rm "$LAB_RUN/www/tink-stack/boot.ipxe"
}

kernel_unsigned() {
	local kernel=$LAB_RUN/www/tink-stack/vmlinuz-x86_64
	sbattach --remove "$kernel" && ! sbverify --cert "$LAB_KEYS/db.crt" "$kernel"
}

# QEMU runs with -no-reboot: a machine that restarts ends it.
node_has_restarted() {
	! kill -0 "$1" 2>/dev/null
}

# stuck MODE DAMAGE STEP: boots a node into DAMAGE; 0 when it names STEP and then restarts.
stuck() {
	local mode=$1 damage=$2 step=$3 node
	lab_job_prepare "$mode"
	lab_run_start
	lab_job_world
	"$damage" || lab_die "$damage could not be done"
	lab_job_edge || return 1
	lab_node_start "$LAB_VARSTORE"
	node=$LAB_PID
	lab_wait_for 240 lab_stages_hopeless
	# The screen goes on for some lines after the first.
	sleep 2
	lab_screen | tail -n 25
	lab_screen | grep -qF "Step: $step" || lab_die "the screen does not name the step"
	lab_screen | grep -E "error: .*$LAB_NODE_MAC.*https://ipxe.org/[0-9a-f]{8}" ||
		lab_die "the screen does not name the NIC and the error"
	lab_wait_for 120 node_has_restarted "$node" || lab_die "it did not restart"
}

main() {
	local logs unpublished unsigned
	logs=$(mktemp -d)
	(stuck vm nothing_published "fetching ${LAB_BASE_URL}boot.ipxe") >"$logs/unpublished" 2>&1 &
	unpublished=$!
	(stuck secure-boot kernel_unsigned "starting ${LAB_BASE_URL}vmlinuz-x86_64") \
		>"$logs/unsigned" 2>&1 &
	unsigned=$!
	wait "$unpublished"
	tap_ok $? "boot.ipxe is not there: the node tries, says why, restarts"
	wait "$unsigned"
	tap_ok $? "Secure Boot refuses the kernel: the node says why, restarts"
	[ "$TAP_FAILED" -eq 0 ] || tail -n 40 "$logs"/*
	rm -rf "$logs"
	tap_done
}

main
