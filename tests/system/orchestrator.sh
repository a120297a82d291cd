# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # $work is the caller's
#
# An orchestrator on loopback for system tests: a real nginx with TLS as the real one has it, in network,
# mount and process namespaces of the test's own, so that nothing has to be cleaned up and nothing leaks
# out. Sourced; the caller sets $work (an empty directory, removed by the caller).
#
#   orch.test      self-signed leaf; publishes $work/www/tink-stack/ and odd locations beside it
#   front.test     under the front CA, which is the machine's system store here; /boots/ca.crt
#   expired.test   a self-signed leaf that has ended;  other.test  one that is not for this name

# Runs the calling script again in namespaces of its own; returns only there.
orchestrator_enter() {
	if [ -z "${ORCHESTRATOR_INSIDE:-}" ]; then
		[ "$(id -u)" = 0 ] || orchestrator_skip "needs root"
		for tool in nginx openssl python3 unshare ip; do
			command -v "$tool" >/dev/null || orchestrator_skip "$tool is not installed"
		done
		[ -d /etc/ssl/certs ] || orchestrator_skip "the system store is not /etc/ssl/certs"
		ORCHESTRATOR_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child "$0" "$@"
	fi
	mount -t proc proc /proc
	ip link set lo up
}

orchestrator_skip() {
	echo "$*"
	exit 77
}

# self_signed NAME HOST
self_signed() {
	openssl req -x509 -newkey rsa:3072 -nodes -sha384 -days 365 -subj "/CN=$2" \
		-addext "basicConstraints=critical,CA:TRUE" -addext "subjectAltName=DNS:$2" \
		-keyout "$work/keys/$1.key" -out "$work/keys/$1.crt" 2>/dev/null
}

# ended NAME HOST: a self-signed certificate of 2020.
ended() {
	local dir=$work/keys/$1.ca
	mkdir "$dir"
	: >"$dir/index"
	echo 01 >"$dir/serial"
	printf '%s\n' '[ca]' 'default_ca=d' '[d]' "database=$dir/index" "serial=$dir/serial" \
		"new_certs_dir=$dir" 'policy=p' 'default_md=sha256' '[p]' 'commonName=supplied' \
		'[v3]' 'basicConstraints=CA:TRUE' "subjectAltName=DNS:$2" >"$dir/conf"
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$work/keys/$1.key" \
		-out "$dir/csr" 2>/dev/null
	openssl ca -batch -notext -selfsign -config "$dir/conf" -extensions v3 \
		-startdate 20200101000000Z -enddate 20210101000000Z -in "$dir/csr" \
		-keyfile "$work/keys/$1.key" -out "$work/keys/$1.crt" 2>/dev/null
}

orchestrator_keys() {
	mkdir -p "$work/keys" "$work/certs"
	self_signed orch orch.test
	self_signed renewed orch.test
	ended expired expired.test
	openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=Front CA" \
		-keyout "$work/keys/front-ca.key" -out "$work/keys/front-ca.crt" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -subj "/CN=front.test" -keyout "$work/keys/front.key" \
		-out "$work/keys/front.csr" 2>/dev/null
	openssl x509 -req -in "$work/keys/front.csr" -CA "$work/keys/front-ca.crt" \
		-CAkey "$work/keys/front-ca.key" -set_serial 2 -days 365 \
		-extfile <(echo subjectAltName=DNS:front.test) -out "$work/keys/front.crt" 2>/dev/null
}

# The machine's names and its store of trusted certificates, as this test wants them.
orchestrator_machine() {
	echo "127.0.0.1 localhost orch.test front.test expired.test other.test" >"$work/hosts"
	echo "nameserver 127.0.0.1" >"$work/resolv.conf"
	mount --bind "$work/hosts" /etc/hosts
	mount --bind "$work/resolv.conf" /etc/resolv.conf
	cp "$work/keys/front-ca.crt" "$work/certs/ca-certificates.crt"
	cp "$work/keys/front-ca.crt" "$work/certs/front-ca.pem"
	openssl rehash "$work/certs" 2>/dev/null
	mount --bind "$work/certs" /etc/ssl/certs
}

# server NAME KEY: the opening of a server block.
orchestrator_server() {
	cat <<-CONF
		server {
			listen 127.0.0.1:443 ssl;
			server_name $1;
			ssl_certificate $work/keys/$2.crt;
			ssl_certificate_key $work/keys/$2.key;
	CONF
}

orchestrator_conf() {
	cat <<-CONF
		daemon off;
		master_process off;
		pid $work/nginx.pid;
		error_log $work/nginx-error.log warn;
		events { worker_connections 64; }
		http {
			default_type application/octet-stream;
			log_format short '\$host \$status \$request_method \$uri authorization=\$http_authorization';
			access_log $work/access.log short;
			client_body_temp_path $work/tmp;
			proxy_temp_path $work/tmp;
			fastcgi_temp_path $work/tmp;
			uwsgi_temp_path $work/tmp;
			scgi_temp_path $work/tmp;
			root $work/www;
			ssl_protocols TLSv1.2 TLSv1.3;
			ssl_ciphers DHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384;
			ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;
			ssl_prefer_server_ciphers on;
			$(orchestrator_server orch.test "$1")
				location /403/ { return 403; }
				location /404/ { return 404; }
				location /429/ { add_header Retry-After 7 always; return 429; }
				location /503/ { return 503; }
				location /patience/ { add_header Retry-After 99999 always; return 503; }
				location /to-http/ { return 301 http://orch.test\$request_uri; }
				location /to-file/ { return 302 file:///etc/passwd; }
				location /round/ { return 302 https://orch.test\$request_uri; }
				location /moved/ { rewrite ^/moved/(.*) https://orch.test/tink-stack/\$1 redirect; }
				location /away/ { rewrite ^/away/(.*) https://front.test/tink-stack/\$1 redirect; }
				location /no-etag/ { alias $work/www/tink-stack/; etag off; }
				location /late/ { alias $work/www/tink-stack/; }
				location /late/keys/Full_server.crt {
					alias $work/www/tink-stack/keys/Full_server.crt;
					limit_rate 200;
				}
				location /slow/ { alias $work/www/tink-stack/; limit_rate 20; }
				location /token/ {
					if (\$http_authorization != "Bearer top.secret") { return 401; }
					alias $work/www/tink-stack/;
				}
			}
			$(orchestrator_server front.test front) }
			$(orchestrator_server expired.test expired) }
			$(orchestrator_server other.test orch) }
		}
	CONF
}

# orchestrator_start [KEY]: KEY is that of orch.test.
orchestrator_start() {
	mkdir -p "$work/www/tink-stack/keys" "$work/www/boots" "$work/tmp"
	chmod 755 "$work" "$work/www"
	rm -f "$work/nginx.pid"
	orchestrator_conf "${1:-orch}" >"$work/nginx.conf"
	nginx -p "$work" -c "$work/nginx.conf" >>"$work/nginx.log" 2>&1 &
	nginx_pid=$!
	for _ in $(seq 50); do
		[ -s "$work/nginx.pid" ] && return
		sleep 0.1
	done
	echo "nginx did not start:"
	cat "$work/nginx.log" "$work/nginx-error.log"
	exit 1
}

orchestrator_stop() {
	kill "$nginx_pid"
	wait "$nginx_pid"
}

# publish FILE NAME: as the real one does, in place; every time is another, so that every ETag is.
published_at=1700000000
publish() {
	local target=$work/www/tink-stack/$2
	published_at=$((published_at + 1))
	cp "$1" "$target"
	chmod 644 "$target"
	touch -d "@$published_at" "$target"
}
