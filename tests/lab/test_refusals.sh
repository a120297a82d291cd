#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The orchestrator publishes images that no node would start: edgepxed refuses each, says why in
# words, and goes on serving the last good one. Its verdict is sbverify's.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/job.sh"
. "$here/tap.sh"

# What a client gets by TFTP, into FILE.
fetch() {
	rm -f "$1"
	lab_in probe curl --silent --show-error --max-time 20 --output "$1" \
		"tftp://$LAB_EDGE_IP/signed_ipxe.efi"
}

# The daemon's log since the last mark.
mark_log() {
	LOG_MARK=$(wc -l <"$LAB_RUN/edgepxed.log")
}

log_since_mark_has() {
	tail -n "+$((LOG_MARK + 1))" "$LAB_RUN/edgepxed.log" | grep -qE -e "$1"
}

# publish_and_refresh FILE: SIGHUP makes the daemon ask at once.
publish_and_refresh() {
	mark_log
	lab_cloud_publish "$1" signed_ipxe.efi
	kill -HUP "$LAB_EDGEPXED_PID"
}

# It may crash on a truncated image, which is no acceptance.
sbverify_accepts() {
	[ "$(sbverify --cert "$LAB_KEYS/db.crt" "$1" 2>/dev/null)" = "Signature verification OK" ]
}

# refused NAME REASON: $LAB_RUN/NAME.efi is refused for that REASON.
refused() {
	local name=$1 reason=$2
	! sbverify_accepts "$LAB_RUN/$name.efi"
	tap_ok $? "$name: sbverify refuses it"
	publish_and_refresh "$LAB_RUN/$name.efi"
	lab_wait_for 20 log_since_mark_has "^refused .*reason=\".*$reason.*serving=\"last good"
	tap_ok $? "$name: edgepxed refuses it and says why"
	fetch "$LAB_RUN/served" && cmp -s "$LAB_RUN/served" "$LAB_IPXE/signed_ipxe.efi"
	tap_ok $? "$name: the last good image is still served"
}

make_bad_images() {
	local good=$LAB_IPXE/signed_ipxe.efi unsigned=$LAB_IPXE/unsigned_ipxe.efi size
	size=$(stat -c %s "$unsigned")
	cp "$unsigned" "$LAB_RUN/unsigned.efi"
	sbsign --key "$LAB_KEYS/foreign.key" --cert "$LAB_KEYS/foreign.crt" \
		--output "$LAB_RUN/wrongly-signed.efi" "$unsigned" 2>/dev/null
	cp "$good" "$LAB_RUN/changed.efi"
	printf '\377' | dd of="$LAB_RUN/changed.efi" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
	cmp -s "$good" "$LAB_RUN/changed.efi" &&
		printf '\376' | dd of="$LAB_RUN/changed.efi" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
	head -c $((size / 3)) "$good" >"$LAB_RUN/truncated.efi"
}

main() {
	lab_job_prepare no-vm
	lab_run_start
	lab_job_world
	lab_net_add_host probe "$LAB_PROBE_MAC" "$LAB_PROBE_IP"
	make_bad_images
	lab_job_edge
	tap_ok $? "edgepxed fetches, verifies and serves the good image"
	sbverify_accepts "$LAB_IPXE/signed_ipxe.efi"
	tap_ok $? "sbverify accepts it too"
	fetch "$LAB_RUN/served" && cmp -s "$LAB_RUN/served" "$LAB_IPXE/signed_ipxe.efi"
	tap_ok $? "it is served byte for byte"

	refused unsigned 'unsigned'
	refused wrongly-signed "signed by 'CN=Somebody Else's DB'"
	refused changed 'changed after it was signed'
	refused truncated 'truncated'

	# Another good one, signed anew, is taken at once.
	sbsign --key "$LAB_KEYS/db.key" --cert "$LAB_KEYS/db.crt" --output "$LAB_RUN/renewed.efi" \
		"$LAB_IPXE/unsigned_ipxe.efi" 2>/dev/null
	publish_and_refresh "$LAB_RUN/renewed.efi"
	lab_wait_for 20 sees_renewed
	tap_ok $? "a newly signed image replaces the last good one"
	[ "$TAP_FAILED" -eq 0 ] || lab_tail edgepxed.log
	tap_done
}

sees_renewed() {
	fetch "$LAB_RUN/served" && cmp -s "$LAB_RUN/served" "$LAB_RUN/renewed.efi"
}

main
