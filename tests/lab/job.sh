# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job, put together: make (or take from the cache) what the lab boots, set up its world,
# and boot the node through edgepxed; or let edgepxe probe be the node.

for part in apt keys ipxe microos varstore net cloud site edge node stages; do
	# shellcheck source=/dev/null
	. "$LAB_DIR/$part.sh"
done

# lab_job_step NAME COMMAND...: LAB_RESULT becomes what COMMAND prints; its time is shown.
lab_job_step() {
	local name=$1 start
	shift
	start=$(lab_now_cs)
	LAB_RESULT=$("$@") || exit 1
	lab_stage_show $(($(lab_now_cs) - start)) "$name"
}

# lab_job_prepare MODE: sets LAB_KEYS and what else this MODE (vm, secure-boot, no-vm) needs.
lab_job_prepare() {
	local mode=$1
	LAB_MICROOS='' LAB_VARSTORE=''
	lab_job_step "keys and certificates" lab_keys
	LAB_KEYS=$LAB_RESULT
	lab_job_step "signed iPXE" lab_ipxe "$LAB_KEYS"
	LAB_IPXE=$LAB_RESULT
	if [ "$mode" != no-vm ]; then
		lab_job_step "Micro-OS" lab_microos "$LAB_KEYS"
		LAB_MICROOS=$LAB_RESULT
	fi
	if [ "$mode" = secure-boot ]; then
		lab_job_step "Secure Boot keys in the node's firmware" lab_varstore "$LAB_KEYS"
		LAB_VARSTORE=$LAB_RESULT
	fi
}

# The site, the router and the cloud, with everything published.
lab_job_world() {
	lab_net_up || lab_die "the network namespaces could not be set up"
	lab_cloud_publish_all "$LAB_KEYS" "$LAB_IPXE" "$LAB_MICROOS" ||
		lab_die "the cloud's files could not be published"
	lab_cloud_start "$LAB_KEYS"
	lab_site_start
}

# Starts edgepxed and waits until it answers, having fetched and verified the signed iPXE.
lab_job_edge() {
	local start
	start=$(lab_now_cs)
	if ! lab_edge_start "$LAB_KEYS"; then
		echo "edgepxed did not get ready."
		lab_tail edgepxed.log
		lab_tail access.log
		return 1
	fi
	lab_stage_show $(($(lab_now_cs) - start)) "edgepxed: signed iPXE fetched, verified, served"
}

# What the node reported, or nothing: lab_report_field uuid|mac|secure-boot|cmdline
lab_report_field() {
	tail -n 1 "$LAB_RUN/reports.log" | sed -n "s/.* $1=//p" |
		if [ "$1" = cmdline ]; then cat; else cut -d ' ' -f 1; fi
}

# The kernel arguments that the orchestrator's Micro-OS lives on; prints those that are missing.
lab_report_missing_arguments() {
	local argument cmdline hex='0x[0-9a-f]{8}'
	cmdline=" $(lab_report_field cmdline) "
	for argument in root=tmpfs 'tink_worker_image=[^ ]+' grpc_authority=127.0.0.1:42113 \
		tinkerbell_tls=false "worker_id=$LAB_NODE_MAC" "IP=$LAB_NODE_IP" TIMEOUT=120s \
		'modules=[^ ]+' initrd=initramfs-x86_64 'console=[^ ]+' "s_vmlinux_start=$hex" \
		"s_initramfs_start=$hex" "s_initramfs_end=$hex" "s_netconf_start=$hex" \
		"s_netconf_end=$hex"; do
		grep -qE " $argument " <<<"$cmdline" || echo "$argument"
	done
}

# lab_job_boot [secure-boot]: 0 when the machine went all the way.
lab_job_boot() {
	local mode=${1-} missing
	lab_stages_machine
	lab_node_start "$LAB_VARSTORE"
	if ! lab_stages_watch "$LAB_PID" "power-on"; then
		lab_stages_explain
		return 1
	fi
	missing=$(lab_report_missing_arguments)
	if [ -n "$missing" ]; then
		echo "The Micro-OS was started without these kernel arguments: $missing"
		return 1
	fi
	if [ "$mode" = secure-boot ] && [ "$(lab_report_field secure-boot)" != on ]; then
		echo "The Micro-OS reports that Secure Boot is not on."
		return 1
	fi
	echo
	echo "The Micro-OS reported to the cloud:"
	echo "    UUID         $(lab_report_field uuid)"
	echo "    Secure Boot  $(lab_report_field secure-boot)"
	echo "    started with $(lab_report_field cmdline)" | fold -s -w 100 | sed '2,$s/^/                 /'
}

# A node without a machine: what the firmware does, then what its iPXE does first.
lab_job_probe_node() {
	unset LAB_EXEC
	lab_in_with_dns probe "$LAB_BUILD/edgepxe" probe --interface lan0 --arch x64-uefi \
		--db-cert "$LAB_KEYS/db.der" &&
		lab_in_with_dns probe curl --silent --show-error --fail --max-time 20 --tls-max 1.2 \
			--cacert "$LAB_KEYS/server.crt" --output /dev/null "${LAB_BASE_URL}boot.ipxe"
}

lab_job_probe() {
	lab_stages_probe
	lab_net_add_host probe "$LAB_PROBE_MAC" "$LAB_PROBE_IP" || lab_die "no host for the probe"
	lab_background "$LAB_RUN/console.log" lab_job_probe_node
	if ! lab_stages_watch "$LAB_PID" "start"; then
		lab_stages_explain
		return 1
	fi
	wait "$LAB_PID" || {
		lab_tail console.log
		return 1
	}
	echo
	echo "What edgepxe probe saw:"
	sed 's/^/    /' "$LAB_RUN/console.log"
}
