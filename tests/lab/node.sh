# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The node: a QEMU machine with OVMF, no disk and one network interface on the site's bridge. The
# firmware's own PXE client runs (romfile=), not QEMU's iPXE ROM; its screen is
# $LAB_RUN/console.log.

# Arguments of QEMU to come before those of the node's own interface: what they add comes first.
LAB_NODE_ARGUMENTS=()

# lab_node_start [VARSTORE]: with a variable store, Secure Boot is on.
lab_node_start() {
	local varstore=${1-} vars=$LAB_RUN/vars.fd code machine
	lab_need qemu-system-x86_64
	if [ -n "$varstore" ]; then
		code=$LAB_OVMF/OVMF_CODE_4M.secboot.fd
		machine=(-machine "q35,smm=on" -global "driver=cfi.pflash01,property=secure,value=on"
			-global ICH9-LPC.disable_s3=1)
		cp "$varstore" "$vars"
	else
		code=$LAB_OVMF/OVMF_CODE_4M.fd
		machine=(-machine q35)
		cp "$LAB_OVMF/OVMF_VARS_4M.fd" "$vars"
	fi
	[ -r "$code" ] || lab_die "$code is missing (package ovmf)"
	lab_net_add_tap node0 || lab_die "no tap for the node"
	: >"$LAB_RUN/console.log"
	lab_background "$LAB_RUN/qemu.log" lab_in site qemu-system-x86_64 "${machine[@]}" \
		-accel tcg -m 512 -smp 1 -uuid "$LAB_NODE_UUID" -nodefaults -no-reboot \
		-display none -vga none -monitor none -serial "file:$LAB_RUN/console.log" \
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=$code" \
		-drive "if=pflash,format=raw,unit=1,file=$vars" \
		"${LAB_NODE_ARGUMENTS[@]}" \
		-netdev tap,id=net0,ifname=node0,script=no,downscript=no \
		-device "virtio-net-pci,netdev=net0,mac=$LAB_NODE_MAC,bootindex=1,romfile=" \
		-device virtio-rng-pci
}
