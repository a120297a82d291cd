#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon's life on a changing host: nothing there at first, then addresses, interfaces and cables that
# come and go; reloads good and bad; a full and a read-only state directory; the end with transfers in flight;
# what it tells the service manager, and what is left of its privilege. In network namespaces, with a real
# nginx as the orchestrator, dnsmasq for names, and curl to fetch.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/appliance.sh"

nothing_there_yet() {
	write_config
	daemon_start
	expect_log 10 '^(<.>)?waiting for=interface' "without an address it says that it waits for one"
	expect_notified 5 '^READY=1' "and has started, as the service manager sees it"
	expect_notified 5 '^STATUS=Waiting for an interface' "with a status that says so"
	expect_notified 5 '^WATCHDOG=1' "and feeds the watchdog"
	address_add 10.77.0.3
	expect_log 10 '^(<.>)?waiting for=artifact' "an address comes: now it waits for something to serve"
	expect_offer client "" "and offers nothing so far"
	expect_probe client 1 "edgepxe probe sees that a node would not boot"
	lab_cloud_start "$KEYS" && publish
	kill -HUP "$DAEMON"
	expect_log 30 '^(<.>)?ready .*lan0\(10\.77\.0\.3\)' "the orchestrator comes: it is ready"
	expect_notified 5 '^STATUS=Serving ipxe.efi on lan0\(10\.77\.0\.3\)' "and says so in its status"
	expect_offer client 10.77.0.3 "a firmware gets an offer from its address"
	expect_file client 10.77.0.3 "and the verified file"
	expect_tftp client 10.77.0.3 "a client without options gets it, too"
	expect_probe client 0 "edgepxe probe sees that a node would boot"
}

privilege() {
	local nobody
	nobody=$(id -u nobody)
	[ "$(process_status Uid)" = "$nobody	$nobody	$nobody	$nobody" ]
	tap_ok $? "runs as nobody"
	tap_check "in nobody's groups alone" [ "$(process_status Groups | xargs)" = "$(id -G nobody)" ]
	for set in CapEff CapPrm CapBnd; do
		tap_check "$set is CAP_NET_BIND_SERVICE alone" \
			[ "$(process_status $set)" = 0000000000000400 ]
	done
	for set in CapInh CapAmb; do
		tap_check "$set is empty" [ "$(process_status $set)" = 0000000000000000 ]
	done
	tap_check "no new privileges" [ "$(process_status NoNewPrivs)" = 1 ]
	[ "$(find "/proc/$DAEMON/task" -mindepth 1 -maxdepth 1 -exec sed -n 's/^CapEff:\t//p' {}/status \; | sort -u)" \
		= 0000000000000400 ]
	tap_ok $? "nor has any thread more"
	[ "$(stat -c %U:%a "$LAB_RUN/state")" = nobody:750 ]
	tap_ok $? "the state directory was made, and is nobody's"
}

changing_addresses() {
	forget_log
	address_add 10.77.0.4
	lab_in edge ip addr del 10.77.0.3/24 dev lan0
	address_add 10.77.0.4
	expect_log 5 'interfaces served=.*lan0\(10\.77\.0\.4\)' "an address changes: it says so"
	expect_offer client 10.77.0.4 "offers come from the new address"
	expect_file client 10.77.0.4 "and so does the file"
	expect_probe client 0 "and edgepxe probe agrees"

	forget_log
	lab_ns_add other && lab_link edge lan1 other lan0 &&
		lab_in other ip addr add 10.88.0.70/24 dev lan0 && lab_in edge ip addr add 10.88.0.1/24 dev lan1
	expect_log 5 'interfaces served=.*lan1\(10\.88\.0\.1\)' "an interface comes: it says so"
	expect_offer other 10.88.0.1 "offers go out there too, from its own address"
	expect_file other 10.88.0.1 "and so does the file"
	expect_offer client 10.77.0.4 "the first one goes on"

	forget_log
	lab_in other ip link set lan0 down
	expect_log 5 'interfaces served="lan0\(10\.77\.0\.4\)"' "a cable is pulled: the interface is gone"
	lab_in other ip link set lan0 up
	expect_log 5 'interfaces served=.*lan1\(10\.88\.0\.1\)' "and comes back"
	expect_offer other 10.88.0.1 "with offers"
	lab_in edge ip link set lan0 down
	lab_in edge ip link set lan0 up
	lab_in edge ip route replace default via "$LAB_ROUTER_IP"
	lab_wait_for 5 logged 'served="lan1\(10\.88\.0\.1\)"'
	tap_ok $? "an interface is taken down and up"
	lab_wait_for 5 logged 'served="lan0\(10\.77\.0\.4\) lan1\(10\.88\.0\.1\)"'
	expect_offer client 10.77.0.4 "and answers again"
}

# The soft limit of the daemon.
more_descriptors_than() {
	[ "$(awk '/^Max open files/ { print $4 }' "/proc/$DAEMON/limits")" -gt "$1" ]
}

reloads() {
	local before
	forget_log
	printf '[tftp]\nwindw-max = 3\n' >>"$LAB_RUN/edgepxe.conf"
	kill -HUP "$DAEMON"
	expect_log 5 'reload-refused .*edgepxe\.conf:[0-9]+: ' "a bad configuration is refused by file and line"
	expect_notified 5 '^RELOADING=1 MONOTONIC_USEC=[0-9]+$' "the manager hears of a reload"
	expect_notified 5 '^READY=1' "and of its end"
	expect_offer other 10.88.0.1 "nothing has changed"

	forget_log
	INTERFACES='lan* !lan1' write_config
	kill -HUP "$DAEMON"
	expect_log 5 '^(<.>)?reloaded ' "a good one is taken"
	expect_offer other "" "an interface that is excluded now is silent"
	expect_offer client 10.77.0.4 "the other one answers"

	forget_log
	MAX_TRANSFERS=9000 write_config
	kill -HUP "$DAEMON"
	expect_log 5 '^(<.>)?reloaded ' "more transfers at once"
	lab_wait_for 5 more_descriptors_than 9000
	tap_ok $? "come with the descriptors that they need"

	before=$(process_status Uid)
	forget_log
	STATE_DIR=$LAB_RUN/elsewhere write_config
	kill -HUP "$DAEMON"
	expect_log 5 'reload-refused .*state-dir.* restart' "what only a restart can change is refused and named"
	tap_check "and it lives on as it was" [ "$(process_status Uid)" = "$before" ]
	write_config
	kill -HUP "$DAEMON"
	expect_log 5 '^(<.>)?reloaded ' "the first one again"
	expect_offer other 10.88.0.1 "and all of it answers"
}

endings() {
	local begin
	slow_fetch 400
	kill -HUP "$DAEMON"
	expect_log 5 '^(<.>)?reloaded ' "a reload with a transfer in flight"
	forget_log
	kill -TERM "$DAEMON"
	expect_log 5 '^(<.>)?stopping ' "SIGTERM with a transfer in flight: it says that it stops"
	expect_notified 5 '^STOPPING=1' "and tells the manager"
	kill -HUP "$DAEMON"
	expect_offer client "" "it offers nothing any more"
	! logged 'reloaded'
	tap_ok $? "and reloads nothing any more"
	! lab_in client curl -sS -m 2 -o /dev/null "tftp://10.77.0.4/ipxe.efi" 2>/dev/null
	tap_ok $? "and takes no new transfer"
	tap_check "the transfer is still on its way" [ "$(stat -c %s "$LAB_RUN/slow")" -lt 1000000 ]
	daemon_ended 20
	tap_ok $? "it ends with status 0"
	wait "$SLOW"
	tap_check "the transfer was finished" grep -qx complete "$LAB_RUN/slow.end"
	tap_check "to the last octet" cmp "$LAB_RUN/slow" "$LAB_RUN/signed.efi"

	DRAIN_TIME=2s write_config
	daemon_start
	expect_log 10 '^(<.>)?ready ' "from its state directory it is ready again"
	slow_fetch 20
	begin=$SECONDS
	kill -TERM "$DAEMON"
	daemon_ended 10
	tap_ok $? "a transfer that takes too long does not hold it up"
	tap_check "beyond the bound" [ $((SECONDS - begin)) -le 5 ]
	tap_check "and it says what it cut" logged 'transfers-cut=1'
	kill "$SLOW"

	write_config
	daemon_start
	expect_log 10 '^(<.>)?ready ' "once more"
	slow_fetch 20
	kill -TERM "$DAEMON"
	lab_wait_for 5 logged '^(<.>)?stopping '
	kill -TERM "$DAEMON"
	daemon_ended 3
	tap_ok $? "a second SIGTERM ends it at once"
	kill "$SLOW"
}

# broken_state NAME PREPARE PATTERN: with such a state directory it says PATTERN and serves all the same.
broken_state() {
	mkdir -p "$LAB_RUN/$1"
	STATE_DIR=$LAB_RUN/$1 write_config
	PREPARE=$2 daemon_start
	expect_log 20 "$3" "a state directory that is $1 is reported"
	expect_log 20 '^(<.>)?ready ' "and it is ready all the same"
	expect_offer client 10.77.0.4 "and offers"
	expect_file client 10.77.0.4 "and serves what it verified"
	daemon_stop
	tap_ok $? "and ends well"
}

state_directories() {
	local owner
	owner="uid=$(id -u nobody)"
	export PREPARE
	broken_state full "mount -t tmpfs -o size=64k,$owner tmpfs $LAB_RUN/full" 'No space left on device'
	broken_state read-only "mount -t tmpfs -o ro,$owner tmpfs $LAB_RUN/read-only" 'Read-only file system'
	broken_state foreign "chown root $LAB_RUN/foreign && mount --bind /proc $LAB_RUN/foreign" 'state-dir|Permission denied'
}

# cli EXPECTED-STATUS ARGUMENT...: what it says is in $LAB_RUN/said.
cli() {
	local expected=$1
	shift
	timeout 10 "$EDGEPXED" "$@" >"$LAB_RUN/said" 2>&1 </dev/null
	[ $? -eq "$expected" ]
}

command_line() {
	local config=$LAB_RUN/edgepxe.conf
	write_config
	tap_check "--check-config: good" cli 0 --config "$config" --check-config
	tap_check "--print-config" cli 0 --config "$config" --print-config
	tap_check "shows what is set" grep -qx 'refresh-interval = 10s' "$LAB_RUN/said"
	tap_check "and what is not" grep -qx 'max-transfers = 4096' "$LAB_RUN/said"
	cp "$LAB_RUN/said" "$LAB_RUN/printed.conf"
	tap_check "what is printed is a configuration" cli 0 --config "$LAB_RUN/printed.conf" --check-config
	printf '[tftp]\nwindow-max = 65\n' >>"$config"
	tap_check "--check-config: bad" cli 1 --config "$config" --check-config
	tap_check "names the file and the line" \
		grep -qE "edgepxe\.conf:$(wc -l <"$config"): " "$LAB_RUN/said"
	write_config
	mv "$LAB_RUN/front-ca.crt" "$LAB_RUN/away.crt"
	tap_check "--check-config: a file that is named and not there" cli 1 --config "$config" --check-config
	tap_check "is named with its key" grep -q 'orchestrator.ca-file: .*front-ca.crt: No such file' "$LAB_RUN/said"
	mv "$LAB_RUN/away.crt" "$LAB_RUN/front-ca.crt"
	printf '[tftp]\nwindow-max = 65\n' >>"$config"
	tap_check "a bad configuration does not start" cli 1 --config "$config" --foreground
	tap_check "nor does one that is not there" cli 1 --config "$LAB_RUN/none" --foreground
	tap_check "a mistake on the command line" cli 2 --frob
	tap_check "--version" cli 0 --version
}

refused_starts() {
	local occupant
	write_config
	: >"$LAB_RUN/occupant"
	ip netns exec "$LAB_RUN_NAME-edge" timeout 30 dnsmasq --no-daemon --conf-file=/dev/null --port=0 \
		--enable-tftp --tftp-root="$LAB_RUN" >"$LAB_RUN/occupant" 2>&1 </dev/null &
	occupant=$!
	LAB_PIDS+=("$occupant")
	lab_wait_for 5 grep -q TFTP "$LAB_RUN/occupant"
	daemon_start
	daemon_ended 5
	[ $? -eq 1 ]
	tap_ok $? "a port that is taken: status 1"
	tap_check "and its number" logged '69.*Address already in use.* advice=.*ss -ulnp'
	lab_stop_process "$occupant"
	forget_log

	ip netns exec "$LAB_RUN_NAME-edge" setpriv --reuid nobody --clear-groups --bounding-set -all \
		"$EDGEPXED" --config "$LAB_RUN/edgepxe.conf" --foreground >>"$LAB_RUN/log" 2>&1 </dev/null &
	DAEMON=$!
	LAB_PIDS+=("$DAEMON")
	daemon_ended 5
	[ $? -eq 1 ]
	tap_ok $? "a user without the capability: status 1"
	tap_check "and the reason" logged 'bind .*Permission denied.* advice=.*CAP_NET_BIND_SERVICE'

	lab_in edge "$EDGEPXED" --config "$LAB_RUN/edgepxe.conf" --foreground --user no-such-user \
		>>"$LAB_RUN/log" 2>&1 </dev/null
	[ $? -eq 1 ]
	tap_ok $? "an unknown user: status 1"
	tap_check "and its name" logged 'find user no-such-user.*there is no such user.*systemd-sysusers'
	! lab_in edge "$EDGEPXED" --config "$LAB_RUN/edgepxe.conf" --user no-such-user 2>/dev/null
	tap_ok $? "nor does it go to the background"
}

# Its exit status, once it has left the terminal; DAEMON is who stays behind.
in_background() {
	local status pid
	(cd "$LAB_RUN" && ulimit -u "${PROCESSES:-$(ulimit -u)}" && lab_in edge timeout 20 "$EDGEPXED" \
		--config edgepxe.conf) >>"$LAB_RUN/log" 2>&1 </dev/null
	status=$?
	DAEMON=$(ip netns pids "$LAB_RUN_NAME-edge" | while read -r pid; do
		if [ "$(cat "/proc/$pid/comm")" = edgepxed ]; then echo "$pid"; fi
	done)
	return "$status"
}

nobody_behind() {
	[ -z "$DAEMON" ]
}

background() {
	write_config
	forget_log
	in_background
	tap_ok $? "to the background: status 0"
	tap_check "and it goes on without a terminal" [ "$(process_status NSsid)" = "$DAEMON" ]
	tap_check "and holds no file of who started it" \
		[ "$(stat -L -c %t:%T "/proc/$DAEMON/fd/"[012] | sort -u)" = "$(stat -c %t:%T /dev/null)" ]
	expect_offer client 10.77.0.4 "and it answers as soon as the command has ended"
	INTERFACES=none0 write_config
	kill -HUP "$DAEMON"
	expect_offer client "" "and a reload finds the configuration of a relative path"
	kill -TERM "$DAEMON"
	lab_wait_for 10 daemon_gone
	tap_ok $? "and ends well"

	forget_log
	PROCESSES=1 in_background
	tap_check "a start that fails in the end, for want of a thread: status 1" [ $? -eq 1 ]
	tap_check "and the reason on standard error" logged 'step="worker thread"'
	tap_check "and nothing is left behind" nobody_behind
}

# A ConfigMap's update is the swap of a link, after which the file from before is gone.
linked_config() {
	mkdir "$LAB_RUN/before" "$LAB_RUN/after"
	write_config
	mv "$LAB_RUN/edgepxe.conf" "$LAB_RUN/before/"
	ln -s before "$LAB_RUN/data"
	ln -s data/edgepxe.conf "$LAB_RUN/edgepxe.conf"
	daemon_start
	expect_log 20 '^(<.>)?ready ' "a configuration behind links"
	cp "$LAB_RUN/before/edgepxe.conf" "$LAB_RUN/after/"
	ln -sfT after "$LAB_RUN/data"
	rm -r "$LAB_RUN/before"
	kill -HUP "$DAEMON"
	expect_log 5 '^(<.>)?reloaded ' "is found again when the links lead elsewhere"
	daemon_stop
	tap_ok $? "and it ends well"
	rm "$LAB_RUN/edgepxe.conf"
}

# As the service unit starts it: an ordinary user with the one capability.
unprivileged() {
	rm -rf "$LAB_RUN/state"
	install -d -o nobody -m 750 "$LAB_RUN/state"
	write_config
	forget_log
	# shellcheck disable=SC2016 # expanded by the inner shell
	ip netns exec "$LAB_RUN_NAME-edge" unshare --mount sh -c '
		mount --bind "$0/resolv.conf" "$(readlink -f /etc/resolv.conf)" &&
			mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf || exit
		exec setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs \
			--bounding-set -all,+net_bind_service --inh-caps +net_bind_service \
			--ambient-caps +net_bind_service "$@"' "$LAB_RUN" \
		"$EDGEPXED" --config "$LAB_RUN/edgepxe.conf" --foreground >>"$LAB_RUN/log" 2>&1 </dev/null &
	DAEMON=$!
	LAB_PIDS+=("$DAEMON")
	expect_log 20 '^(<.>)?ready ' "started as nobody with the one capability it is ready"
	tap_check "and keeps that alone" [ "$(process_status CapEff)" = 0000000000000400 ]
	expect_file client 10.77.0.4 "and serves"
	daemon_stop
	tap_ok $? "and ends well"
}

main() {
	preconditions
	world_up
	command_line
	nothing_there_yet
	privilege
	changing_addresses
	reloads
	endings
	state_directories
	linked_config
	background
	unprivileged
	refused_starts
	tap_done
}

main
