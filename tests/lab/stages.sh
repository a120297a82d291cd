# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Turns what the daemon, the cloud and the node's screen wrote into the stages of a boot, each with
# its time since power-on; and where a stage does not come, into a reason.

# The stages to come: name | the log that shows it | the line, as an extended regular expression.
LAB_STAGES=()

# lab_stages_firmware MAC ADDRESS: what every firmware goes through, edgepxe probe too.
lab_stages_firmware() {
	LAB_STAGES_MAC=$1
	LAB_STAGES+=(
		"proxyDHCP offer|edgepxed.log|^offer peer=$1 "
		"answer on port 4011|edgepxed.log|^ack peer=$1 .*client=firmware"
		"signed iPXE by TFTP|edgepxed.log|^tftp-ended peer=$2:.* outcome=.(complete|all sent)"
	)
}

# lab_stages_https FILE...: what is fetched from the cloud, with the TLS that iPXE speaks.
lab_stages_https() {
	local file
	for file; do
		LAB_STAGES+=("$file by HTTPS|access.log| 200 [0-9]+ TLSv1.2 .* GET /tink-stack/$file HTTP")
	done
}

lab_stages_machine() {
	LAB_STAGES=()
	lab_stages_firmware "$LAB_NODE_MAC" "$LAB_NODE_IP"
	LAB_STAGES+=("signed iPXE runs|console.log|^iPXE initialising")
	lab_stages_https boot.ipxe vmlinuz-x86_64 initramfs-x86_64
	LAB_STAGES+=("Micro-OS reported|reports.log|uuid=$LAB_NODE_UUID")
}

lab_stages_probe() {
	LAB_STAGES=()
	lab_stages_firmware "$LAB_PROBE_MAC" "$LAB_PROBE_IP"
	lab_stages_https boot.ipxe
}

# How long a stage may take after the one before it, on a machine without KVM that is busy.
LAB_STAGE_LIMIT=90

# Hundredths of a second since power-on of each stage that came, in the order of LAB_STAGES.
LAB_STAGE_TIMES=()

lab_stage_show() {
	printf '  %3d.%02d s  %s\n' $(($1 / 100)) $(($1 % 100)) "$2"
}

lab_stage_came() {
	local log pattern
	IFS='|' read -r _ log pattern <<<"$1"
	grep -aqE -e "$pattern" "$LAB_RUN/$log"
}

# The node's screen says that waiting is in vain.
lab_stages_hopeless() {
	grep -aqE 'Access Denied|this node cannot go on' "$LAB_RUN/console.log"
}

# lab_stages_watch PID BEGINNING: shows each stage of the machine PID as it comes. 1: one did not come; its number is
# the length of LAB_STAGE_TIMES.
lab_stages_watch() {
	local pid=$1 start last stage now
	LAB_STAGE_TIMES=()
	start=$(lab_now_cs)
	last=$start
	lab_stage_show 0 "$2"
	for stage in "${LAB_STAGES[@]}"; do
		until lab_stage_came "$stage"; do
			now=$(lab_now_cs)
			[ $((now - last)) -lt $((LAB_STAGE_LIMIT * 100)) ] || return 1
			! lab_stages_hopeless || return 1
			# A machine that has gone may have left its last stage in the log just before.
			kill -0 "$pid" 2>/dev/null || lab_stage_came "$stage" || return 1
			sleep 0.1
		done
		last=$(lab_now_cs)
		LAB_STAGE_TIMES+=($((last - start)))
		lab_stage_show $((last - start)) "${stage%%|*}"
	done
}

lab_screen() {
	sed 's/\x1b\[[0-9;=?]*[a-zA-Z]//g; s/\r//g' "$LAB_RUN/console.log" | grep -av '^ *$'
}

lab_tail() {
	echo
	echo "The end of $1:"
	if [ "$1" = console.log ]; then
		lab_screen
	else
		cat "$LAB_RUN/$1"
	fi | tail -n 15 | cut -c 1-200 | sed 's/^/    /'
}

# Why the first stage that is missing is missing, as far as the logs tell, and the log to look into.
lab_stages_explain() {
	local missing=${LAB_STAGES[${#LAB_STAGE_TIMES[@]}]}
	missing=${missing%%|*}
	echo
	echo "The stage \"$missing\" did not come."
	case $missing in
	"proxyDHCP offer")
		if ! grep -q "DHCPDISCOVER.*$LAB_STAGES_MAC" "$LAB_RUN/dnsmasq.log"; then
			echo "The firmware never asked for an address: it did not start, or has no network."
			lab_tail console.log
			return
		fi
		echo "The firmware asked (the site's DHCP server heard it), but edgepxed did not answer."
		lab_tail edgepxed.log
		;;
	"answer on port 4011" | "signed iPXE by TFTP")
		echo "The node took edgepxed's offer, but what has to follow it did not happen."
		lab_tail edgepxed.log
		lab_tail console.log
		;;
	"signed iPXE runs")
		if grep -aq 'Access Denied' "$LAB_RUN/console.log"; then
			echo "Secure Boot: the firmware refused the image, which its db does not vouch for."
		else
			echo "The image was delivered, but the firmware did not start it."
		fi
		lab_tail console.log
		;;
	*" by HTTPS")
		echo "iPXE runs, but this file did not come through; its screen says what it tried."
		lab_tail console.log
		lab_tail access.log
		;;
	"Micro-OS reported")
		echo "All files were delivered, but the Micro-OS did not start or did not reach the cloud."
		lab_tail console.log
		;;
	esac
}

# The last lines of a run.
lab_stages_table() {
	local i time
	echo
	for ((i = 0; i < ${#LAB_STAGES[@]}; i++)); do
		time=${LAB_STAGE_TIMES[i]-}
		if [ -n "$time" ]; then
			time=$(printf '%6d.%02d s' $((time / 100)) $((time % 100)))
		fi
		printf '%-32s %s\n' "${LAB_STAGES[i]%%|*}" "${time:-   missing}"
	done
}
