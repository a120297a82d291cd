# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# OVMF's variable store with the lab's PK, KEK and db enrolled and Secure Boot on, made offline with
# virt-firmware (Debian has it in bookworm-backports), without booting a machine for it.

LAB_VARSTORE_SUITE=bookworm-backports
LAB_OVMF=/usr/share/OVMF

lab_varstore_make() {
	local deb=$1 keys=$2 dir=$3 guid=ed9e0000-0000-4000-8000-000000000000
	dpkg-deb -x "$deb" "$dir/virt-firmware" || return 1
	PYTHONPATH=$dir/virt-firmware/usr/lib/python3/dist-packages /usr/bin/python3 -m virt.firmware.vars \
		-i "$LAB_OVMF/OVMF_VARS_4M.fd" -o "$dir/vars.fd" --set-pk "$guid" "$keys/pk.crt" \
		--add-kek "$guid" "$keys/kek.crt" --add-db "$guid" "$keys/db.crt" --sb >/dev/null 2>&1 &&
		rm -rf "$dir/virt-firmware"
}

# lab_varstore KEYS: prints the path of the variable store.
lab_varstore() {
	local keys=$1 deb dir
	deb=$(lab_package "$LAB_VARSTORE_SUITE" python3-virt-firmware) || exit 1
	dir=$LAB_CACHE/varstore/$(lab_key "$LAB_DIR/varstore.sh" "$deb" "$LAB_OVMF/OVMF_VARS_4M.fd" \
		"$keys/pk.crt" "$keys/kek.crt" "$keys/db.crt")
	lab_cached "$dir" lab_varstore_make "$deb" "$keys" ||
		lab_die "the Secure Boot variable store could not be made"
	echo "$dir/vars.fd"
}
