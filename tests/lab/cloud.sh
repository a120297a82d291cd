# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's orchestrator: nginx with the TLS of the real one. It serves /tink-stack/ under a
# self-signed leaf, /boots/ca.crt (that leaf) under the front domain's certificate, and takes the
# nodes' reports. $LAB_RUN/www is what it publishes; access.log and reports.log are what it saw.

LAB_NGINX_SUITE=bookworm

# Prints the path of an nginx: the machine's or one unpacked in the cache. Installing the package
# would start a web server on the machine.
lab_nginx() {
	local deb dir
	command -v nginx && return
	deb=$(lab_package "$LAB_NGINX_SUITE" nginx) || exit 1
	dir=$LAB_CACHE/nginx/$(lab_key "$deb")
	lab_cached "$dir" dpkg-deb -x "$deb" || lab_die "nginx could not be unpacked"
	echo "$dir/usr/sbin/nginx"
}

lab_cloud_conf() {
	local keys=$1
	cat <<-CONF
		daemon off;
		master_process off;
		worker_processes 1;
		pid $LAB_RUN/nginx.pid;
		error_log $LAB_RUN/nginx-error.log warn;
		events { worker_connections 256; }
		http {
			default_type application/octet-stream;
			log_format lab '\$msec \$remote_addr \$status \$body_bytes_sent \$ssl_protocol \$ssl_cipher \$request';
			log_format report escape=none '\$msec \$remote_addr uuid=\$http_x_node_uuid mac=\$http_x_node_mac secure-boot=\$http_x_node_secure_boot cmdline=\$http_x_node_cmdline';
			access_log $LAB_RUN/access.log lab;
			client_body_temp_path $LAB_RUN/nginx-tmp;
			proxy_temp_path $LAB_RUN/nginx-tmp;
			fastcgi_temp_path $LAB_RUN/nginx-tmp;
			uwsgi_temp_path $LAB_RUN/nginx-tmp;
			scgi_temp_path $LAB_RUN/nginx-tmp;
			large_client_header_buffers 4 16k;
			sendfile on;
			root $LAB_RUN/www;
			ssl_protocols TLSv1.2 TLSv1.3;
			ssl_ciphers DHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384;
			ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;
			ssl_prefer_server_ciphers on;
			server {
				listen $LAB_CLOUD_IP:443 ssl default_server;
				server_name $LAB_CLOUD_HOST;
				ssl_certificate $keys/server.crt;
				ssl_certificate_key $keys/server.key;
				location /tink-stack/ { }
				location / { return 404; }
			}
			server {
				listen $LAB_CLOUD_IP:443 ssl;
				server_name $LAB_CLOUD_DOMAIN;
				ssl_certificate $keys/front.crt;
				ssl_certificate_key $keys/front.key;
				location /boots/ { }
				location / { return 404; }
			}
			server {
				listen $LAB_CLOUD_IP:80;
				location = /report { access_log $LAB_RUN/reports.log report; return 204; }
				location / { return 404; }
			}
		}
	CONF
}

# lab_cloud_publish FILE NAME: puts FILE at NAME below the base URL, at once and as a whole.
lab_cloud_publish() {
	local target=$LAB_RUN/www/tink-stack/$2
	mkdir -p "${target%/*}" && cp "$1" "$target.new" && chmod 644 "$target.new" &&
		mv "$target.new" "$target"
}

# lab_cloud_publish_all KEYS IPXE MICROOS: everything that the real orchestrator publishes.
lab_cloud_publish_all() {
	local keys=$1 ipxe=$2 microos=$3
	"$LAB_TOP/ipxe-scripts/render-script" "$LAB_TOP/ipxe-scripts/boot.ipxe" \
		BASE_URL="$LAB_BASE_URL" TINK_WORKER_IMAGE=localhost:7443/tink-worker:lab \
		GRPC_AUTHORITY=127.0.0.1:42113 CONSOLE_ARGS="console=tty0 console=ttyS0,115200" \
		EXTRA_KERNEL_ARGS="TIMEOUT=120s quiet lab_report=$LAB_REPORT_URL" >"$LAB_RUN/boot.ipxe" &&
		mkdir -p "$LAB_RUN/www/boots" && cp "$keys/server.crt" "$LAB_RUN/www/boots/ca.crt" &&
		lab_cloud_publish "$ipxe/signed_ipxe.efi" signed_ipxe.efi &&
		lab_cloud_publish "$LAB_RUN/boot.ipxe" boot.ipxe &&
		lab_cloud_publish "$keys/db.der" keys/db.der &&
		lab_cloud_publish "$keys/server.crt" keys/Full_server.crt || return 1
	if [ -n "$microos" ]; then
		lab_cloud_publish "$microos/vmlinuz-x86_64" vmlinuz-x86_64 &&
			lab_cloud_publish "$microos/initramfs-x86_64" initramfs-x86_64
	fi
}

# lab_cloud_start KEYS
lab_cloud_start() {
	local nginx
	nginx=$(lab_nginx) || exit 1
	mkdir -p "$LAB_RUN/www" "$LAB_RUN/nginx-tmp"
	# nginx, started as root, serves as nobody.
	chmod 755 "$LAB_RUN/www"
	: >"$LAB_RUN/access.log"
	: >"$LAB_RUN/reports.log"
	lab_cloud_conf "$1" >"$LAB_RUN/nginx.conf"
	lab_background "$LAB_RUN/nginx.log" lab_in cloud "$nginx" -p "$LAB_RUN" -c "$LAB_RUN/nginx.conf"
	lab_wait_for 5 test -s "$LAB_RUN/nginx.pid" ||
		lab_die "the cloud did not start: $(tail -n 3 "$LAB_RUN/nginx.log" "$LAB_RUN/nginx-error.log")"
}
