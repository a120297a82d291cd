#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A UEFI machine boots through edgepxed from power-on to a Micro-OS that reports to the cloud: with
# Secure Boot off, then on with the site's own keys.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/job.sh"
. "$here/tap.sh"

boot() {
	local mode=$1
	(
		lab_job_prepare "$mode"
		lab_run_start
		lab_job_world
		lab_job_edge && lab_job_boot "$mode" || exit 1
		lab_stages_table
	)
}

boot vm
tap_ok $? "boots with Secure Boot off"
boot secure-boot
tap_ok $? "boots with Secure Boot on"
tap_done
