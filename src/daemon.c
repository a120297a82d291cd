/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns every long-lived object and all that connects two of them: netlink to the interface table, a
 * fresh artifact to the catalog and to the proxyDHCP policy, signals to reload and shutdown, the
 * state of it all to the log and the service manager. Servers do not know each other.
 */
#include "daemon.h"

#include "base/log.h"
#include "io/http_fetch.h"
#include "io/notify.h"
#include "io/rtnl.h"
#include "io/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <event2/event.h>

#define BOOT_FILE "ipxe.efi"

/* Descriptors for all but transfers: servers, netlink, event loop, log, libcurl, files. */
#define DESCRIPTORS_OTHER 64

/* Every name of the one artifact: the one in our offers, and the orchestrator's own. */
static const char *const boot_file_names[] = {BOOT_FILE, "signed_ipxe.efi"};

enum daemon_state {
	DAEMON_STARTING,
	DAEMON_NO_NETWORK,
	DAEMON_NO_ARTIFACT,
	DAEMON_READY,
};

struct daemon {
	const char *config_path;
	struct settings *settings;
	struct event_base *base;
	struct iface_table *interfaces;
	struct rtnl *rtnl;
	struct catalog *catalog;
	struct dhcp_server *dhcp;
	struct tftp_server *tftp;
	struct refresher *refresher;
	struct artifact *artifact; /* what boot_file_names mean; NULL: nothing yet */
	struct event *on_netlink, *on_hangup, *on_terminate, *on_interrupt, *on_watchdog;
	struct event *on_drain_over;
	enum daemon_state state;
	bool overflow_told;
	bool stopping;
};

/* --- telling -------------------------------------------------------------------------------------
 */

/* "eth0(192.0.2.7) eth1(198.51.100.7)", cut where it does not fit. */
static const char *describe_served(const struct daemon *daemon, char *text, size_t size)
{
	char address[INET_ADDRSTRLEN];
	struct iface iface;
	size_t position = 0, len = 0;

	text[0] = '\0';
	while (len < size && iface_table_next_served(daemon->interfaces, &position, &iface)) {
		inet_ntop(AF_INET, &iface.address, address, sizeof(address));
		len += (size_t)snprintf(text + len, size - len, "%s%s(%s)", len > 0 ? " " : "",
			iface.name, address);
	}
	return text;
}

/* Says where we stand: to the service manager always, to the log when it changed. */
static void daemon_tell(struct daemon *daemon)
{
	enum daemon_state state;
	char served[256];

	if (daemon->stopping)
		return;
	describe_served(daemon, served, sizeof(served));
	state = served[0] == '\0'  ? DAEMON_NO_NETWORK
		: daemon->artifact ? DAEMON_READY
				   : DAEMON_NO_ARTIFACT;
	switch (state) {
	case DAEMON_NO_NETWORK:
		notify_status("Waiting for an interface that is up, has an IPv4 address and "
			      "matches interfaces = %s",
			daemon->settings->config->network.interfaces);
		if (state != daemon->state)
			log_notice("waiting for=interface interfaces=\"%s\" reason=\"none of these "
				   "is up with an IPv4 address\"",
				daemon->settings->config->network.interfaces);
		break;
	case DAEMON_NO_ARTIFACT:
		notify_status("Waiting for a verified " BOOT_FILE ": %s",
			refresher_status(daemon->refresher));
		if (state != daemon->state)
			log_notice("waiting for=artifact url=%s reason=\"no verified " BOOT_FILE
				   " yet\"",
				daemon->settings->config->orchestrator.url);
		break;
	default:
		notify_status("Serving " BOOT_FILE " on %s; %s", served,
			refresher_status(daemon->refresher));
		if (state != daemon->state)
			log_notice("ready interfaces=\"%s\" file=" BOOT_FILE " signer=\"%s\"",
				served, artifact_signer(daemon->artifact)->subject);
	}
	daemon->state = state;
}

/* --- joining -------------------------------------------------------------------------------------
 */

static void apply_policies(struct daemon *daemon)
{
	struct settings *settings = daemon->settings;

	settings->proxydhcp.boot_file = daemon->artifact ? BOOT_FILE : NULL;
	dhcp_server_set_policy(daemon->dhcp, &settings->proxydhcp, &settings->admission);
	tftp_server_set_policy(daemon->tftp, &settings->tftp, &settings->admission);
	log_set_level((int)settings->config->process.log_level);
}

/* All names at once mean `artifact`, or nothing. */
static int publish(struct daemon *daemon, struct artifact *artifact)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(boot_file_names) / sizeof(boot_file_names[0]); i++)
		r = catalog_publish(daemon->catalog, boot_file_names[i], artifact);
	if (r < 0)
		return r;
	artifact_unref(daemon->artifact);
	daemon->artifact = artifact ? artifact_ref(artifact) : NULL;
	apply_policies(daemon);
	return 0;
}

static void on_refresh(void *context, struct artifact *artifact)
{
	struct daemon *daemon = context;
	int r = artifact == daemon->artifact ? 0 : publish(daemon, artifact);

	if (r < 0)
		log_error("publish-failed error=\"%s\"", strerror(-r));
	daemon_tell(daemon);
}

/* Once, until it is over: some interface may be left out. */
static void tell_overflow(struct daemon *daemon)
{
	bool overflowed = iface_table_overflowed(daemon->interfaces);

	if (overflowed && !daemon->overflow_told)
		log_warning("interfaces too-many=yes links-max=%d addresses-max=%d effect=\"some "
			    "are not seen\"",
			IFACE_LINKS_MAX, IFACE_ADDRESSES_MAX);
	daemon->overflow_told = overflowed;
}

static void on_netlink(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval retry = {.tv_sec = 5};
	struct daemon *daemon = context;
	char served[256];
	int r = rtnl_update(daemon->rtnl, daemon->interfaces);

	(void)fd;
	(void)what;
	if (r < 0) {
		log_error("netlink-failed error=\"%s\"", strerror(-r));
		event_add(daemon->on_netlink, &retry);
		return;
	}
	event_remove_timer(daemon->on_netlink);
	tell_overflow(daemon);
	if (r == 0)
		return;
	log_info("interfaces served=\"%s\"", describe_served(daemon, served, sizeof(served)));
	refresher_hurry(daemon->refresher);
	daemon_tell(daemon);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	notify_watchdog();
}

/* Each transfer has a socket of its own. */
static void allow_sockets(unsigned transfers_max)
{
	int r = sandbox_allow_descriptors(transfers_max + DESCRIPTORS_OTHER);

	if (r < 0)
		log_warning("few-descriptors max-transfers=%u error=\"%s\"", transfers_max,
			strerror(-r));
}

/* --- reload: all that can fail comes first
 * --------------------------------------------------------- */

static int reload_prepare(
	struct daemon *daemon, struct settings *wanted, char ret_error[CONFIG_ERROR_MAX])
{
	const char *key = config_needs_restart(daemon->settings->config, wanted->config);
	int r;

	if (key) {
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s: %s has changed, which takes a restart",
			daemon->config_path, key);
		return -EINVAL;
	}
	/* The catalog has room for its few names: only the plan can fail, so it goes first. */
	r = refresher_set_plan(daemon->refresher, &wanted->refresher);
	if (r == 0)
		r = catalog_publish(daemon->catalog, "autoexec.ipxe", wanted->autoexec);
	if (r < 0)
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s", strerror(-r));
	return r;
}

static void on_hangup(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;
	char error[CONFIG_ERROR_MAX];
	struct settings *wanted;

	(void)fd;
	(void)what;
	if (daemon->stopping)
		return;
	notify_reloading();
	wanted = settings_load(daemon->config_path, error);
	if (wanted && reload_prepare(daemon, wanted, error) == 0) {
		iface_table_set_policy(daemon->interfaces, &wanted->interfaces);
		settings_free(daemon->settings);
		daemon->settings = wanted;
		allow_sockets(wanted->tftp.transfers_max);
		apply_policies(daemon);
		log_notice("reloaded config=%s", daemon->config_path);
	} else {
		settings_free(wanted);
		log_error("reload-refused error=\"%s\" effect=\"nothing has changed\"", error);
	}
	notify_ready();
	daemon_tell(daemon);
}

/* --- shutdown
 * --------------------------------------------------------------------------------------- */

static void leave_loop(void *context)
{
	struct daemon *daemon = context;

	event_base_loopbreak(daemon->base);
}

static void on_drain_over(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;

	(void)fd;
	(void)what;
	log_warning("stopping transfers-cut=%u", tftp_server_transfers(daemon->tftp));
	leave_loop(daemon);
}

/* The first time transfers in flight may end, within the bound; the second time nothing may. */
static void on_terminate(evutil_socket_t signal_number, short what, void *context)
{
	struct daemon *daemon = context;
	uint64_t bound_ms = daemon->settings->config->process.drain_time_ms;
	struct timeval bound = {.tv_sec = (time_t)(bound_ms / 1000)};

	(void)what;
	if (daemon->stopping) {
		leave_loop(daemon);
		return;
	}
	log_notice("stopping signal=%s transfers=%u bound=%llds", strsignal((int)signal_number),
		tftp_server_transfers(daemon->tftp), (long long)bound.tv_sec);
	notify_stopping();
	daemon->stopping = true;
	dhcp_server_stop(daemon->dhcp);
	evtimer_add(daemon->on_drain_over, &bound);
	tftp_server_drain(daemon->tftp, leave_loop, daemon);
}

/* --- life
 * ------------------------------------------------------------------------------------------- */

static int failed(const char *what, int r)
{
	log_error("start-failed step=\"%s\" error=\"%s\"", what, strerror(-r));
	return r;
}

static int failed_to_bind(const char *ports, int r)
{
	const char *advice = "";

	if (r == -EADDRINUSE)
		advice = " advice=\"`ss -ulnp` names the program of this host that has it, such as "
			 "another edgepxed, a DHCP server or a TFTP server\"";
	else if (r == -EACCES)
		advice = " advice=\"start as root or with CAP_NET_BIND_SERVICE\"";
	log_error("start-failed step=\"bind UDP %s\" error=\"%s\"%s", ports, strerror(-r), advice);
	return r;
}

int daemon_new(struct settings *settings, const char *config_path, struct daemon **ret_daemon)
{
	CLEANUP(daemon_free_p) struct daemon *daemon = calloc(1, sizeof(*daemon));
	int r;

	if (!daemon) {
		settings_free(settings);
		return -ENOMEM;
	}
	daemon->settings = settings;
	daemon->config_path = config_path;
	daemon->interfaces = iface_table_new(&settings->interfaces);
	daemon->catalog = catalog_new();
	if (!daemon->interfaces || !daemon->catalog)
		return failed("memory", -ENOMEM);
	allow_sockets(settings->tftp.transfers_max);
	r = dhcp_server_new(daemon->interfaces, &daemon->dhcp);
	if (r < 0)
		return failed_to_bind("ports 67 and 4011", r);
	r = tftp_server_new(TFTP_PORT, daemon->interfaces, daemon->catalog, &daemon->tftp);
	if (r < 0)
		return failed_to_bind("port 69", r);
	*ret_daemon = CLEANUP_STEAL(daemon);
	return 0;
}

static struct event *watch(struct daemon *daemon, int fd, short what, event_callback_fn callback)
{
	struct event *event = event_new(daemon->base, fd, what, callback, daemon);

	if (event && what != 0 && event_add(event, NULL) < 0) {
		event_free(event);
		return NULL;
	}
	return event;
}

static int start_events(struct daemon *daemon)
{
	uint64_t watchdog_ms = notify_watchdog_interval_ms();
	struct timeval interval = {.tv_sec = (time_t)(watchdog_ms / 1000),
		.tv_usec = (suseconds_t)(watchdog_ms % 1000 * 1000)};
	short on_signal = EV_SIGNAL | EV_PERSIST;

	daemon->on_netlink = watch(daemon, rtnl_fd(daemon->rtnl), EV_READ | EV_PERSIST, on_netlink);
	daemon->on_hangup = watch(daemon, SIGHUP, on_signal, on_hangup);
	daemon->on_terminate = watch(daemon, SIGTERM, on_signal, on_terminate);
	daemon->on_interrupt = watch(daemon, SIGINT, on_signal, on_terminate);
	daemon->on_drain_over = watch(daemon, -1, 0, on_drain_over);
	daemon->on_watchdog = event_new(daemon->base, -1, EV_PERSIST, on_watchdog, daemon);
	if (!daemon->on_netlink || !daemon->on_hangup || !daemon->on_terminate
		|| !daemon->on_interrupt || !daemon->on_drain_over || !daemon->on_watchdog)
		return -ENOMEM;
	if (watchdog_ms > 0 && event_add(daemon->on_watchdog, &interval) < 0)
		return -ENOMEM;
	return 0;
}

int daemon_start(struct daemon *daemon)
{
	int r;

	daemon->base = event_base_new();
	if (!daemon->base)
		return failed("event loop", -ENOMEM);
	r = rtnl_open(&daemon->rtnl);
	if (r == 0)
		r = rtnl_load(daemon->rtnl, daemon->interfaces);
	if (r < 0)
		return failed("read the interfaces through netlink", r);
	tell_overflow(daemon);
	r = start_events(daemon);
	if (r < 0)
		return failed("event loop", r);
	r = http_fetch_global_init();
	if (r < 0)
		return failed("libcurl", r);
	r = refresher_new(
		daemon->base, &daemon->settings->refresher, on_refresh, daemon, &daemon->refresher);
	if (r < 0)
		return failed("worker thread", r);
	r = catalog_publish(daemon->catalog, "autoexec.ipxe", daemon->settings->autoexec);
	if (r < 0)
		return failed("memory", r);
	apply_policies(daemon);
	r = dhcp_server_start(daemon->dhcp, daemon->base);
	if (r == 0)
		r = tftp_server_start(daemon->tftp, daemon->base);
	if (r < 0)
		return failed("event loop", r);
	r = refresher_start(daemon->refresher);
	return r < 0 ? failed("refresh", r) : 0;
}

int daemon_run(struct daemon *daemon)
{
	daemon_tell(daemon);
	notify_ready();
	if (event_base_dispatch(daemon->base) < 0)
		return failed("event loop", -EIO);
	log_notice("stopped");
	return 0;
}

void daemon_free(struct daemon *daemon)
{
	struct event *events[] = {daemon->on_netlink, daemon->on_hangup, daemon->on_terminate,
		daemon->on_interrupt, daemon->on_watchdog, daemon->on_drain_over};

	/* The worker thread first: it may be inside libcurl. */
	if (daemon->refresher)
		refresher_free(daemon->refresher);
	http_fetch_global_fini();
	if (daemon->dhcp)
		dhcp_server_free(daemon->dhcp);
	if (daemon->tftp)
		tftp_server_free(daemon->tftp);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	if (daemon->rtnl)
		rtnl_close(daemon->rtnl);
	artifact_unref(daemon->artifact);
	if (daemon->catalog)
		catalog_free(daemon->catalog);
	iface_table_free(daemon->interfaces);
	if (daemon->base)
		event_base_free(daemon->base);
	settings_free(daemon->settings);
	free(daemon);
}
