# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the system tests of the daemon share: the lab's world with no address at the appliance yet, the daemon in
# it under a service manager of ours, and its clients. Sourced; ends the test where it cannot be run.

: "${srcdir:?}" "${builddir:?}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../lab/lib.sh"
. "$here/../lab/tap.sh"
. "$here/../lab/net.sh"
. "$here/../lab/apt.sh"
. "$here/../lab/keys.sh"
. "$here/../lab/cloud.sh"
. "$here/../lab/site.sh"

EDGEPXED=$builddir/edgepxed
PEER=$here/peer.py

skip_all() {
	echo "$1"
	exit 77
}

preconditions() {
	local tool
	[ "$(id -u)" = 0 ] || skip_all "needs root for network namespaces"
	for tool in ip unshare setpriv dnsmasq curl tftp python3 openssl sbsign; do
		command -v "$tool" >/dev/null || skip_all "$tool is not installed"
	done
	[ -x "$EDGEPXED" ] || {
		echo "there is no $EDGEPXED"
		exit 1
	}
}

# --- the world ---

# A signed image as large as an iPXE, so that a transfer takes a while.
make_image() {
	local keys=$1
	python3 "$srcdir/tests/data/make-pe.py" "$LAB_RUN/image.efi" x64 tail=1000000 &&
		sbsign --key "$keys/db.key" --cert "$keys/db.crt" --output "$LAB_RUN/signed.efi" \
			"$LAB_RUN/image.efi" >/dev/null 2>&1
}

publish() {
	mkdir -p "$LAB_RUN/www/boots" && cp "$KEYS/server.crt" "$LAB_RUN/www/boots/ca.crt" &&
		chmod 644 "$LAB_RUN/www/boots/ca.crt" &&
		lab_cloud_publish "$LAB_RUN/signed.efi" signed_ipxe.efi &&
		lab_cloud_publish "$KEYS/db.der" keys/db.der
}

world_up() {
	lab_run_start
	# Told apart from a lab's run.
	LAB_RUN_NAME=net-$$
	KEYS=$(lab_keys) && make_image "$KEYS" || exit 1
	cp "$KEYS/front-ca.crt" "$LAB_RUN/front-ca.crt"
	lab_net_up && lab_net_add_host client 52:54:00:11:22:33 10.77.0.70 || exit 1
	lab_site_start
	lab_in edge ip addr flush dev lan0
	: >"$LAB_RUN/log"
	: >"$LAB_RUN/notifications"
	lab_background "$LAB_RUN/manager.log" python3 "$PEER" manager "$LAB_RUN/notify" \
		"$LAB_RUN/notifications"
	lab_wait_for 5 test -S "$LAB_RUN/notify"
}

address_add() {
	lab_in edge ip addr add "$1/24" dev lan0
	lab_in edge ip route replace default via "$LAB_ROUTER_IP" 2>/dev/null
}

# --- the daemon ---

# Shell variables of the keys' names set what differs.
write_config() {
	cat >"$LAB_RUN/edgepxe.conf" <<-CONF
		[orchestrator]
		url = $LAB_BASE_URL
		trust-url = $LAB_TRUST_URL
		ca-file = $LAB_RUN/front-ca.crt
		refresh-interval = 10s
		[network]
		interfaces = ${INTERFACES:-lan*}
		address = ${ADDRESS-}
		clients = ${CLIENTS-}
		[tftp]
		max-transfers = ${MAX_TRANSFERS:-4096}
		[process]
		user = nobody
		drain-time = ${DRAIN_TIME:-20s}
		[paths]
		state-dir = ${STATE_DIR:-$LAB_RUN/state}
	CONF
}

# In the edge's network, with the site's DNS, with file systems of its own to mount and with a service manager.
# PREPARE, if set, is a command for those file systems.
daemon_start() {
	: >"$LAB_RUN/log"
	: >"$LAB_RUN/notifications"
	echo "nameserver $LAB_DHCP_IP" >"$LAB_RUN/resolv.conf"
	echo "hosts: files dns" >"$LAB_RUN/nsswitch.conf"
	# shellcheck disable=SC2016 # expanded by the inner shell
	NOTIFY_SOCKET=$LAB_RUN/notify WATCHDOG_USEC=600000 ip netns exec "$LAB_RUN_NAME-edge" \
		unshare --mount sh -c '
		mount --bind "$0/resolv.conf" "$(readlink -f /etc/resolv.conf)" &&
			mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf && eval "${PREPARE:-:}" || exit
		exec "$@"' "$LAB_RUN" "$EDGEPXED" --config "$LAB_RUN/edgepxe.conf" --foreground \
		>>"$LAB_RUN/log" 2>&1 </dev/null &
	DAEMON=$!
	LAB_PIDS+=("$DAEMON")
}

# The exit status of the daemon, which has to end by itself within SECONDS; 255: it did not.
daemon_ended() {
	lab_wait_for "$1" daemon_gone || return 255
	wait "$DAEMON"
}

daemon_gone() {
	! kill -0 "$DAEMON" 2>/dev/null
}

daemon_stop() {
	kill -TERM "$DAEMON"
	daemon_ended 25
}

logged() {
	grep -qE -e "$1" "$LAB_RUN/log"
}

notified() {
	grep -qE -e "$1" "$LAB_RUN/notifications"
}

# expect_log SECONDS PATTERN DESCRIPTION
expect_log() {
	lab_wait_for "$1" logged "$2"
	tap_ok $? "$3"
}

expect_notified() {
	lab_wait_for "$1" notified "$2"
	tap_ok $? "$3"
}

# NAME of /proc/PID/status
process_status() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$DAEMON/status"
}

forget_log() {
	: >"$LAB_RUN/log"
	: >"$LAB_RUN/notifications"
}

# --- its clients ---

# offered NAMESPACE: "SOURCE SIADDR" of the offer that a firmware there gets; "" for none.
offered() {
	lab_in "$1" timeout 10 python3 "$PEER" offer lan0 2
}

# expect_offer NAMESPACE ADDRESS DESCRIPTION; ADDRESS "" for silence.
expect_offer() {
	local answer
	answer=$(offered "$1")
	[ "$answer" = "${2:+$2 $2}" ]
	tap_ok $? "$3${answer:+ ($answer)}"
}

# expect_file NAMESPACE ADDRESS DESCRIPTION
expect_file() {
	rm -f "$LAB_RUN/fetched"
	lab_in "$1" curl -sS -m 10 --tftp-blksize 1468 -o "$LAB_RUN/fetched" "tftp://$2/ipxe.efi" 2>/dev/null &&
		cmp -s "$LAB_RUN/fetched" "$LAB_RUN/signed.efi"
	tap_ok $? "$3"
}

# expect_probe NAMESPACE STATUS DESCRIPTION: what the operator's own tool makes of it.
expect_probe() {
	lab_in "$1" timeout 30 "$builddir/edgepxe" probe --interface lan0 \
		--db-cert "$KEYS/db.der" >"$LAB_RUN/probe" 2>&1
	[ $? -eq "$2" ]
	tap_ok $? "$3"
}

# expect_tftp NAMESPACE ADDRESS DESCRIPTION: by tftp(1), which asks for no option.
expect_tftp() {
	rm -f "$LAB_RUN/fetched"
	lab_in "$1" timeout 10 tftp -m octet "$2" -c get ipxe.efi "$LAB_RUN/fetched" >/dev/null 2>&1 &&
		cmp -s "$LAB_RUN/fetched" "$LAB_RUN/signed.efi"
	tap_ok $? "$3"
}

# slow_fetch BLOCKS-A-SECOND: in the background; SLOW is its id.
slow_fetch() {
	rm -f "$LAB_RUN/slow"
	ip netns exec "$LAB_RUN_NAME-client" timeout 60 python3 "$PEER" fetch 10.77.0.4 ipxe.efi \
		"$LAB_RUN/slow" "$1" >"$LAB_RUN/slow.end" 2>&1 </dev/null &
	SLOW=$!
	LAB_PIDS+=("$SLOW")
	lab_wait_for 5 test -s "$LAB_RUN/slow"
}
