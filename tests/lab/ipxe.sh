# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's signed_ipxe.efi without an iPXE source tree: Debian's binary (of trixie: the first with
# HTTPS), its one pinned root certificate replaced by the lab's, then signed with the lab's db key.
# It has no script embedded and fetches autoexec.ipxe instead. A product's iPXE is built with
# ipxe-scripts/build-signed-ipxe.

LAB_IPXE_SUITE=trixie
# SHA-256 of the iPXE project's root CA, as compiled into its binaries.
LAB_IPXE_ROOT=9faf717b7f8ca2f93c256c79f8ac5591895d66d1ff3bee6397a70d29c65eed1a

lab_ipxe_replace_root() {
	/usr/bin/python3 - "$1" "$LAB_IPXE_ROOT" "$2" <<-'PYTHON'
		import sys
		path, old, new = sys.argv[1], bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])
		image = open(path, "rb").read()
		if image.count(old) != 1:
		    sys.exit(f"{path}: the pinned root occurs {image.count(old)} times, not once")
		open(path, "wb").write(image.replace(old, new))
	PYTHON
}

lab_ipxe_make() {
	local deb=$1 keys=$2 dir=$3 fingerprint
	dpkg-deb --fsys-tarfile "$deb" |
		tar -x -O ./usr/lib/ipxe/ipxe-amd64.efi >"$dir/unsigned_ipxe.efi" || return 1
	fingerprint=$(openssl x509 -in "$keys/server.crt" -outform DER | sha256sum | cut -d ' ' -f 1)
	lab_ipxe_replace_root "$dir/unsigned_ipxe.efi" "$fingerprint" &&
		sbsign --key "$keys/db.key" --cert "$keys/db.crt" --output "$dir/signed_ipxe.efi" \
			"$dir/unsigned_ipxe.efi" 2>/dev/null &&
		sbverify --cert "$keys/db.crt" "$dir/signed_ipxe.efi" >/dev/null
}

# lab_ipxe KEYS: prints the directory with signed_ipxe.efi and unsigned_ipxe.efi.
lab_ipxe() {
	local keys=$1 deb dir
	deb=$(lab_package "$LAB_IPXE_SUITE" ipxe) || exit 1
	dir=$LAB_CACHE/ipxe/$(lab_key "$LAB_DIR/ipxe.sh" "$deb" "$keys/server.crt" "$keys/db.crt")
	lab_cached "$dir" lab_ipxe_make "$deb" "$keys" || lab_die "the iPXE image could not be made"
	echo "$dir"
}
