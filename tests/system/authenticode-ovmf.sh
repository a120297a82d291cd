#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our verdict on images is that of a real firmware: OVMF with Secure Boot on gets every fixture of
# its architecture as a disk with \EFI\BOOT\BOOTX64.EFI and tries one after the other; what it says
# of each on its console is held against ours. Needs QEMU, OVMF and, from the lab's cache or the
# network, Debian's virt-firmware.
set -u

: "${srcdir:?}" "${builddir:?}"
images=$srcdir/tests/data/images
verify=$builddir/tests/system/verify_image
db=(db expired future server intermediate)
guid=ed9e0000-0000-4000-8000-000000000000
work=$(mktemp -d)
qemu=
trap 'test -z "$qemu" || kill "$qemu" 2>/dev/null; rm -rf "$work"' EXIT
# Slots 1 to 30 of the root bus, but 31 is the chip set's.
disks_max=30

skip() {
	echo "$*"
	exit 77
}

# The parts of the lab that fetch packages.
. "$srcdir/tests/lab/lib.sh"
. "$srcdir/tests/lab/apt.sh"

make_varstore() {
	local deb name enroll=()

	deb=$(lab_package bookworm-backports python3-virt-firmware) || skip "virt-firmware cannot be had"
	dpkg-deb -x "$deb" "$work/virt-firmware"
	for name in "${db[@]}"; do
		openssl x509 -inform DER -in "$images/$name.der" -out "$work/$name.pem"
		enroll+=(--add-db "$guid" "$work/$name.pem")
	done
	PYTHONPATH=$work/virt-firmware/usr/lib/python3/dist-packages \
		/usr/bin/python3 -m virt.firmware.vars -i /usr/share/OVMF/OVMF_VARS_4M.fd \
		-o "$work/vars.fd" --set-pk "$guid" "$work/db.pem" --add-kek "$guid" "$work/db.pem" \
		"${enroll[@]}" --sb >"$work/varstore.log" 2>&1 ||
		skip "no variable store: $(tail -n 1 "$work/varstore.log")"
}

# Good when it is so under one of the certificates in db; leaves the reason for the first in `why`.
we_say() {
	local name verdict=refused said

	why=
	for name in "${db[@]}"; do
		said=$("$verify" "$images/$name.der" x64 "$1")
		said=${said#"$1 "}
		test "$said" != ok || verdict=ok
		test -n "$why" || why=$said
	done
	ours=$verdict
}

# boot IMAGE...: one machine with a disk for each; its console is left in $work/console.
boot() {
	local slot=0 image device=() patience=240

	rm -rf "$work/disks"
	for image; do
		slot=$((slot + 1))
		mkdir -p "$work/disks/$slot/EFI/BOOT"
		cp "$image" "$work/disks/$slot/EFI/BOOT/BOOTX64.EFI"
		device+=(-drive "file=fat:rw:$work/disks/$slot,format=raw,if=none,id=disk$slot"
			-device "$(printf 'virtio-blk-pci,drive=disk%d,addr=0x%x,bootindex=%d' \
				"$slot" "$slot" "$slot")")
	done
	cp "$work/vars.fd" "$work/vars-used.fd"
	: >"$work/console.raw"
	qemu-system-x86_64 -machine q35,smm=on -accel tcg -m 256 -nodefaults -no-reboot \
		-global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1 \
		-display none -vga none -monitor none -net none -serial "file:$work/console.raw" \
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd" \
		-drive "if=pflash,format=raw,unit=1,file=$work/vars-used.fd" \
		"${device[@]}" >"$work/qemu.log" 2>&1 &
	qemu=$!
	until grep -qa "No bootable option or device was found" "$work/console.raw"; do
		patience=$((patience - 1))
		if test "$patience" -eq 0 || ! kill -0 "$qemu" 2>/dev/null; then
			break
		fi
		sleep 0.5
	done
	kill "$qemu" 2>/dev/null
	wait "$qemu" 2>/dev/null
	qemu=
	tr -d '\r' <"$work/console.raw" | sed 's/\x1b\[[0-9;=]*[A-Za-z]//g' >"$work/console"
}

# What the console says of the disk in slot $1: ok, refused, or nothing.
firmware_says() {
	local slot

	slot=$(printf 'Pci(0x%X,0x0)' "$1")
	if grep -qaF "$slot" <(grep -a "BdsDxe: starting" "$work/console"); then
		echo ok
	elif grep -qaF "$slot" <(grep -a "BdsDxe: failed to load" "$work/console"); then
		echo refused
	fi
}

# Why the firmware says yes where we refuse.
differs() { # IMAGE OURS
	case $1:$2 in
	signed-sha1.efi:*) echo "we demand SHA-2" ;;
	changed-certificate-revision.efi:*) echo "the firmware does not look at the revision, sbverify does" ;;
	*) return 1 ;;
	esac
}

n_failed=0 n_compared=0 n_justified=0
compare() { # IMAGE THEIRS
	local name reason

	name=$(basename "$1")
	we_say "$1"
	n_compared=$((n_compared + 1))
	if test "$2" = "$ours"; then
		return
	elif test "$2" = ok && reason=$(differs "$name" "$why"); then
		n_justified=$((n_justified + 1))
		echo "$name: the firmware starts it, we say \"$why\": $reason"
	else
		n_failed=$((n_failed + 1))
		echo "FAILED: $name: the firmware says \"$2\", we say $ours (\"$why\")"
	fi
}

for tool in qemu-system-x86_64 dpkg-deb openssl; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
test -r /usr/share/OVMF/OVMF_CODE_4M.secboot.fd || skip "OVMF is not installed"
make_varstore
mapfile -t all < <(find "$images" -name '*.efi' -size +0 ! -name '*arm64*' ! -name '*ia32*' | sort)
for ((i = 0; i < ${#all[@]}; i += disks_max)); do
	batch=("${all[@]:i:disks_max}")
	boot "${batch[@]}"
	for ((slot = 1; slot <= ${#batch[@]}; slot++)); do
		compare "${batch[slot - 1]}" "$(firmware_says "$slot")"
	done
done
echo "$n_compared verdicts compared with OVMF's, $n_justified differ with reason, $n_failed failed"
test "$n_failed" -eq 0
