#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What ipxe-scripts/ promises a node for which not all is well, on a real firmware and iPXE: every NIC
# gets its chance, waits grow, none is endless, what comes late is taken, and a node that cannot go on
# says why on its screen and restarts. The scripts run as they are published, with their full waits;
# each case has a world of its own and three go at once.
#
# usage: test_stuck.sh [CASE...]    the ordinary cases without an argument
# shellcheck disable=SC2034  # LAB_NODE_ARGUMENTS is for node.sh

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/job.sh"
. "$here/tap.sh"

OTHER_MAC=52:54:00:ed:9e:0a
OTHER_DHCP_IP=10.78.0.2
OTHER_EDGE_IP=10.78.0.3
OTHER_DEAD_ROUTER_IP=10.78.0.9

# --- what the cases are made of -------------------------------------------------------------------

# A case speaks on lines of its own, which main turns into TAP. case_ok STATUS DESCRIPTION
case_ok() {
	if [ "$1" -eq 0 ]; then
		echo "PASS $2"
	else
		echo "FAIL $2"
		lab_screen | tail -n 30 | sed 's/^/# /'
	fi
}

# within SECONDS DESCRIPTION COMMAND...: COMMAND comes true within the time.
within() {
	local limit=$1 description=$2 start=$SECONDS status
	shift 2
	lab_wait_for "$limit" "$@"
	status=$?
	case_ok $status "$description ($((SECONDS - start)) s)"
	return $status
}

screen_has() {
	lab_screen | grep -qE -e "$1"
}

shows() {
	screen_has "$1"
	case_ok $? "the screen says: $1"
}

reported() {
	grep -q "uuid=$LAB_NODE_UUID mac=$LAB_NODE_MAC" "$LAB_RUN/reports.log"
}

# asked_and_got FILE STATUS: the node asked for FILE and got STATUS.
asked_and_got() {
	grep -q " $2 .* GET /tink-stack/$1 " "$LAB_RUN/access.log"
}

unpublish() {
	rm "$LAB_RUN/www/tink-stack/$1"
}

power_on() {
	lab_job_edge >/dev/null || exit 1
	lab_node_start "$LAB_VARSTORE"
	NODE_PID=$LAB_PID
}

node_off() {
	! kill -0 "$NODE_PID" 2>/dev/null
}

# press KEY, with the monitor at a pipe.
press() {
	echo "sendkey $1" >"$LAB_RUN/monitor.in"
}

# gives_up SECONDS: within that time the node says that it cannot go on, leaves it on the screen for
# a minute and restarts, which ends the machine (-no-reboot).
gives_up() {
	local shown took
	within "$1" "the node says that it cannot go on" screen_has 'this node cannot go on' || return
	shown=$SECONDS
	lab_wait_for 90 node_off
	case_ok $? "and restarts"
	took=$((SECONDS - shown))
	[ "$took" -ge 50 ]
	case_ok $? "after time enough to read why ($took s)"
}

# The waits that the screen announced.
waits_grew() {
	local waits
	waits=$(lab_screen | grep -oE 'again in [0-9]+ s' | grep -oE '[0-9]+' | xargs)
	[ "$waits" = "2 5 15 30" ]
	case_ok $? "the waits grew: $waits"
}

# A second LAN at the site, br1, and in the node a NIC on it that comes before the node's own.
# other_nic [DEVICE-OPTION]
other_nic() {
	lab_in site ip link add br1 type bridge forward_delay 0 &&
		lab_in site ip link set br1 up && lab_net_add_tap other0 br1 || lab_die "no second LAN"
	LAB_NODE_ARGUMENTS=(-netdev "tap,id=other,ifname=other0,script=no,downscript=no"
		-device "virtio-net-pci,netdev=other,mac=$OTHER_MAC,romfile=${1:+,$1}")
}

# On the second LAN too there are a DHCP server and edgepxed, but its router is not there.
other_lan_without_way_out() {
	lab_in site ip addr add "$OTHER_DHCP_IP/24" dev br1 && lab_link site edge1 edge lan1 &&
		lab_in site ip link set edge1 master br1 &&
		lab_in edge ip addr add "$OTHER_EDGE_IP/24" dev lan1 || lab_die "no second LAN"
	sed -e "s/br0/br1/; s/10\.77\./10.78./g; s/dnsmasq.leases/other.leases/; /^dhcp-host/d" \
		-e "s/router,.*/router,$OTHER_DEAD_ROUTER_IP/" \
		"$LAB_RUN/dnsmasq.conf" >"$LAB_RUN/other.conf"
	lab_background "$LAB_RUN/other.log" lab_in site dnsmasq --conf-file="$LAB_RUN/other.conf"
	lab_wait_for 5 grep -q 'DHCP, IP range' "$LAB_RUN/other.log" ||
		lab_die "the second LAN's DHCP server did not start"
}

# --- the cases ------------------------------------------------------------------------------------

case_dead_nic() {
	other_nic
	power_on
	within 90 "the node comes up by the firmware's NIC, behind a dead one" reported
	! screen_has 'asking for an address on net0'
	case_ok $? "the dead NIC cost no time"
}

case_no_way_out() {
	other_nic bootindex=0
	other_lan_without_way_out
	power_on
	within 150 "the node comes up by another NIC than the firmware's, which led nowhere" reported
	shows "net0 has 10\.78\..* router $OTHER_DEAD_ROUTER_IP"
	shows "net1 has $LAB_NODE_IP"
	! screen_has 'trying all of them again'
	case_ok $? "in the first round over all NICs"
	[ "$(lab_screen | grep -c "^edgepxe: fetching ${LAB_BASE_URL}boot.ipxe")" -eq 3 ]
	case_ok $? "with one try a NIC and round"
}

case_published_late() {
	unpublish boot.ipxe
	power_on
	within 60 "boot.ipxe is not there yet" asked_and_got boot.ipxe 404
	sleep 20
	lab_cloud_publish "$LAB_RUN/boot.ipxe" boot.ipxe
	within 90 "published 20 s later, the node comes up by itself" reported
}

case_orchestrator_down() {
	unpublish boot.ipxe
	power_on
	within 60 "boot.ipxe is not there" asked_and_got boot.ipxe 404
	within 90 "the node goes on trying" screen_has 'again in 15 s'
	kill "$(cat "$LAB_RUN/nginx.pid")"
	gives_up 150
	waits_grew
	shows "^Step: fetching ${LAB_BASE_URL}boot.ipxe"
	shows "^Last NIC and error: net0 \($LAB_NODE_MAC, $LAB_NODE_IP\), https://ipxe.org/[0-9a-f]{8}"
}

case_no_kernel() {
	unpublish vmlinuz-x86_64
	power_on
	within 60 "the kernel is not there" asked_and_got vmlinuz-x86_64 404
	gives_up 100
	waits_grew
	awk '/ 404 .*vmlinuz/ { if (n++ && $1 - last <= gap) bad = 1; gap = n > 1 ? $1 - last : 0; last = $1 }
		END { exit bad || n != 5 }' "$LAB_RUN/access.log"
	case_ok $? "it was asked for 5 times, at growing distances"
	shows "^Step: fetching ${LAB_BASE_URL}vmlinuz-x86_64"
	shows "^NIC and error: $LAB_NODE_MAC \($LAB_NODE_IP\), https://ipxe.org/[0-9a-f]{8}"
}

case_unsigned_kernel() {
	cp "$LAB_MICROOS/vmlinuz-x86_64" "$LAB_RUN/unsigned" &&
		sbattach --remove "$LAB_RUN/unsigned" 2>/dev/null &&
		lab_cloud_publish "$LAB_RUN/unsigned" vmlinuz-x86_64 || lab_die "no unsigned kernel"
	LAB_VARSTORE=$VARSTORE
	power_on
	gives_up 100
	shows "^Step: starting ${LAB_BASE_URL}vmlinuz-x86_64"
	shows "^NIC and error: $LAB_NODE_MAC \($LAB_NODE_IP\), https://ipxe.org/[0-9a-f]{8}"
	shows "^The kernel was refused"
}

# Ctrl-C ends a wait of iPXE; in a script that does not expect it, it ends the script too.
case_interrupted() {
	unpublish boot.ipxe
	mkfifo "$LAB_RUN/monitor.in" "$LAB_RUN/monitor.out"
	LAB_NODE_ARGUMENTS=(-monitor "pipe:$LAB_RUN/monitor")
	power_on
	within 90 "the node waits" screen_has 'again in 30 s'
	press ctrl-c
	within 25 "Ctrl-C makes it go on at once" screen_has '^Restarting in 60 seconds'
	press ctrl-c
	within 40 "and restart at once; it does not leave for the firmware" node_off
}

# Not among the ordinary cases: it takes four minutes (make check-slow).
case_no_address() {
	power_on
	within 60 "iPXE runs" screen_has '^iPXE initialising'
	kill "$DNSMASQ_PID"
	gives_up 300
	waits_grew
	shows '^Step: getting an address'
	shows "^Last NIC and error: net0 \($LAB_NODE_MAC\), https://ipxe.org/[0-9a-f]{8}"
}

# --- running them ---------------------------------------------------------------------------------

# lane CASE...: one after the other.
lane() {
	local name
	unset LAB_EXEC
	for name; do
		(
			lab_run_start
			lab_job_world
			DNSMASQ_PID=$LAB_PID
			"case_$name"
			true
		) || echo "FAIL $name ended early"
	done
}

# The TAP of what a lane said.
report() {
	local line
	while read -r line; do
		case $line in
		PASS*) tap_ok 0 "${line#PASS }" ;;
		FAIL*) tap_ok 1 "${line#FAIL }" ;;
		*) echo "$line" ;;
		esac
	done <"$1"
}

main() {
	local i lanes=("orchestrator_down dead_nic" "no_kernel published_late" "unsigned_kernel no_way_out interrupted")
	[ $# -eq 0 ] || lanes=("$*")
	lab_job_prepare secure-boot
	VARSTORE=$LAB_VARSTORE
	LAB_VARSTORE=''
	lab_run_start
	for i in "${!lanes[@]}"; do
		# shellcheck disable=SC2086  # a list
		lab_background "$LAB_RUN/lane$i" lane ${lanes[i]}
	done
	wait "${LAB_PIDS[@]}"
	for i in "${!lanes[@]}"; do
		report "$LAB_RUN/lane$i"
	done
	tap_done
}

main "$@"
