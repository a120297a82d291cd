#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The fast demo: edgepxe probe as the node finds its bytes; and says so truthfully where it does not.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/job.sh"
. "$here/tap.sh"

probe() {
	lab_in probe timeout 90 "$LAB_BUILD/edgepxe" probe --interface lan0 --arch "$1" \
		--db-cert "$LAB_KEYS/$2" >"$LAB_RUN/probe.log" 2>&1
}

main() {
	lab_job_prepare no-vm
	lab_run_start
	lab_job_world
	lab_job_edge || exit 1
	lab_job_probe
	tap_ok $? "the probe goes from DISCOVER to verified bytes, and boot.ipxe comes by HTTPS"
	! grep -q "$LAB_PROBE_MAC" "$LAB_RUN/dnsmasq.leases"
	tap_ok $? "it takes no lease"
	! probe x64-uefi foreign.crt && grep -q 'signature *FAILED' "$LAB_RUN/probe.log"
	tap_ok $? "with another db certificate it fails at the signature"
	lab_stop_process "$LAB_EDGEPXED_PID"
	! probe x64-uefi db.der && grep -q 'merge *FAILED' "$LAB_RUN/probe.log"
	tap_ok $? "without edgepxed it fails for want of a PXE server"
	tap_done
}

main
