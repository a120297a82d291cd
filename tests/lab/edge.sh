# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The appliance: edgepxed on its own host of the site, with the shortest sensible configuration. It
# starts as root and becomes nobody; trust in the orchestrator is bootstrapped from the front
# domain.

# The build to try: the folder that has edgepxed and edgepxe.
LAB_BUILD=${builddir:-$LAB_TOP/build}

lab_edge_conf() {
	cat <<-CONF
		[orchestrator]
		url = $LAB_BASE_URL
		trust-url = $LAB_TRUST_URL
		ca-file = $LAB_RUN/front-ca.crt
		[boot]
		autoexec = chain
		[process]
		user = nobody
		[paths]
		state-dir = $LAB_RUN/state
	CONF
}

# lab_edge_start KEYS: returns when the daemon has said that it answers; 1: it did not.
lab_edge_start() {
	local keys=$1
	[ -x "$LAB_BUILD/edgepxed" ] || lab_die "there is no edgepxed in $LAB_BUILD: build it first"
	cp "$keys/front-ca.crt" "$LAB_RUN/front-ca.crt"
	install -d -o nobody -m 700 "$LAB_RUN/state"
	lab_edge_conf >"$LAB_RUN/edgepxe.conf"
	lab_background "$LAB_RUN/edgepxed.log" lab_in_with_dns edge "$LAB_BUILD/edgepxed" \
		--config "$LAB_RUN/edgepxe.conf" --foreground
	LAB_EDGEPXED_PID=$LAB_PID
	lab_wait_for 30 lab_edge_settled && lab_edge_log '^ready '
}

# Ready, or gone.
lab_edge_settled() {
	lab_edge_log '^ready ' || ! kill -0 "$LAB_EDGEPXED_PID" 2>/dev/null
}

# lab_edge_log PATTERN: whether the daemon has logged such a line.
lab_edge_log() {
	grep -qE -e "$1" "$LAB_RUN/edgepxed.log"
}
