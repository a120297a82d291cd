# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's Micro-OS: Debian's cloud kernel, signed with the lab's db key, and an initramfs of
# busybox and the virtio-net modules that reports to the cloud and powers the node off. Named like
# the orchestrator's.

LAB_MICROOS_SUITE=bookworm
LAB_MICROOS_MODULES=(virtio_pci virtio_net)

# The kernel image package behind the metapackage linux-image-cloud-amd64.
lab_microos_kernel_name() {
	dpkg-deb --field "$1" Depends | grep -o 'linux-image-[^ ,]*' | head -n 1
}

# lab_microos_modules ROOT VERSION DIRECTORY: copies the modules and writes their order of loading.
lab_microos_modules() {
	local root=$1 version=$2 target=$3 module path
	depmod -b "$root" "$version" 2>/dev/null || return 1
	for module in "${LAB_MICROOS_MODULES[@]}"; do
		modprobe -d "$root" -S "$version" --show-depends "$module" || return 1
	done | while read -r _ path _; do
		grep -qxF "${path##*/}" "$target/order" 2>/dev/null && continue
		cp "$path" "$target/" && echo "${path##*/}" >>"$target/order"
	done
	[ -s "$target/order" ]
}

lab_microos_initramfs() {
	local root=$1 modules=$2 busybox=$3
	mkdir -p "$root"/{bin,dev,proc,sys,modules,etc} &&
		cp "$busybox" "$root/bin/busybox" &&
		cp "$modules"/* "$root/modules/" &&
		cp "$LAB_DIR/microos-init" "$root/init" &&
		cp "$LAB_DIR/microos-dhcp" "$root/etc/dhcp" &&
		chmod 755 "$root/init" "$root/etc/dhcp" &&
		(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | xz --check=crc32)
}

lab_microos_make() {
	local deb=$1 busybox=$2 keys=$3 dir=$4 work=$4/work kernel version
	mkdir -p "$work/linux" "$work/busybox" "$work/modules"
	dpkg-deb -x "$deb" "$work/linux" && dpkg-deb -x "$busybox" "$work/busybox" || return 1
	kernel=$(echo "$work"/linux/boot/vmlinuz-*)
	version=${kernel##*/vmlinuz-}
	# Debian's own signature comes off: the orchestrator's kernel has one signer.
	sbattach --remove "$kernel" >/dev/null 2>&1
	sbsign --key "$keys/db.key" --cert "$keys/db.crt" --output "$dir/vmlinuz-x86_64" "$kernel" \
		2>/dev/null &&
		lab_microos_modules "$work/linux" "$version" "$work/modules" &&
		lab_microos_initramfs "$work/root" "$work/modules" "$work/busybox/bin/busybox" \
			>"$dir/initramfs-x86_64" || return 1
	rm -rf "$work"
}

# lab_microos KEYS: prints the directory with vmlinuz-x86_64 and initramfs-x86_64.
lab_microos() {
	local keys=$1 meta deb busybox dir
	meta=$(lab_package "$LAB_MICROOS_SUITE" linux-image-cloud-amd64) || exit 1
	deb=$(lab_package "$LAB_MICROOS_SUITE" "$(lab_microos_kernel_name "$meta")") || exit 1
	busybox=$(lab_package "$LAB_MICROOS_SUITE" busybox-static) || exit 1
	dir=$LAB_CACHE/microos/$(lab_key "$LAB_DIR/microos.sh" "$LAB_DIR/microos-init" \
		"$LAB_DIR/microos-dhcp" "$deb" "$busybox" "$keys/db.crt")
	lab_cached "$dir" lab_microos_make "$deb" "$busybox" "$keys" || lab_die "the Micro-OS could not be made"
	echo "$dir"
}
