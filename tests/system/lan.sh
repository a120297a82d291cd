# shellcheck shell=bash disable=SC2154,SC2119
# SPDX-License-Identifier: Apache-2.0
#
# A LAN for system tests of the probe: a site with a bridge and dnsmasq as its DHCP server (leases
# only), and three more hosts on that bridge, each a network namespace. Sourced.

images=$srcdir/tests/data/images
probe=$builddir/edgepxe
run=dhcp$$
work=$(mktemp -d)
n_failed=0 n_passed=0
pids=()

if [ "$(id -u)" != 0 ]; then
	echo "needs root for network namespaces"
	exit 77
fi
for tool in ip dnsmasq python3; do
	if ! command -v "$tool" >/dev/null; then
		echo "$tool is not installed"
		exit 77
	fi
done

stop_servers() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	pids=()
}

clean_up() {
	local ns
	stop_servers
	for ns in site proxy rival node; do
		ip netns del "$run-$ns" 2>/dev/null
	done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

in_ns() {
	local ns=$1
	shift
	ip netns exec "$run-$ns" "$@"
}

# A bridge in the site's namespace, and a cable from it to each of the others.
lay_cables() {
	local ns number=3
	for ns in site proxy rival node; do
		ip netns add "$run-$ns" && ip -n "$run-$ns" link set lo up || return 1
	done
	ip -n "$run-site" link add br0 type bridge forward_delay 0 &&
		ip -n "$run-site" addr add 10.77.0.2/24 dev br0 &&
		ip -n "$run-site" link set br0 up || return 1
	for ns in proxy rival node; do
		ip link add "$ns" netns "$run-site" type veth peer name lan0 netns "$run-$ns" &&
			ip -n "$run-site" link set "$ns" master br0 up &&
			ip -n "$run-$ns" addr add "10.77.0.$number/24" dev lan0 &&
			ip -n "$run-$ns" link set lan0 up || return 1
		number=$((number + 1))
	done
}

# start NS LOG PATTERN COMMAND...: in the background, until it says PATTERN.
start() {
	local ns=$1 log=$2 pattern=$3 i
	shift 3
	: >"$work/$log"
	ip netns exec "$run-$ns" "$@" >"$work/$log" 2>&1 &
	pids+=($!)
	for ((i = 0; i < 100; i++)); do
		grep -q "$pattern" "$work/$log" && return
		sleep 0.05
	done
	echo "$* did not start:"
	cat "$work/$log"
	exit 1
}

# start_dnsmasq NS OPTION...
start_dnsmasq() {
	local ns=$1
	shift
	start "$ns" "$ns.log" "started" dnsmasq --keep-in-foreground --log-facility=- --log-dhcp \
		--conf-file=/dev/null --port=0 --user=root --pid-file= "$@"
}

start_site() {
	: >"$work/leases"
	start_dnsmasq site --interface=br0 --bind-interfaces --dhcp-range=10.77.0.100,10.77.0.200 \
		--dhcp-leasefile="$work/leases" --dhcp-option=3,10.77.0.1 \
		--dhcp-option=6,10.77.0.2 --no-ping "$@"
}

# start_peer FORM FILE [PORT...]: a PXE server that errs, on the host "rival", 10.77.0.4.
start_peer() {
	start rival peer.log ready python3 "$srcdir/tests/system/pxe_peer.py" lan0 10.77.0.4 "$@"
}

# expect STATUS WORDS [OPTION...]: probes, and ends the case.
expect() {
	local status=$1 words=$2 got
	shift 2
	in_ns node "$probe" probe --config /nonexistent --db-cert "$images/db.der" --wait 1 \
		--timeout 20 "$@" >"$work/report" 2>&1
	got=$?
	judge "$status" "$words" "$got"
}

# judge STATUS WORDS GOT: whether $work/report is as expected, and that nobody asked for a lease.
judge() {
	if [ "$3" = "$1" ] && grep -q -- "$2" "$work/report"; then
		n_passed=$((n_passed + 1))
	else
		n_failed=$((n_failed + 1))
		echo "FAILED: $case: status $3, not $1, or without \"$2\":"
		cat "$work/report" "$work"/*.log
	fi
	if grep -q DHCPREQUEST "$work/site.log" 2>/dev/null ||
		[ -s "$work/leases" ]; then
		n_failed=$((n_failed + 1))
		echo "FAILED: $case: a lease was asked for:"
		cat "$work/site.log" "$work/leases"
	fi
	stop_servers
	rm -f "$work"/*.log
}
