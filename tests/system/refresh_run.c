/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The refresher alone, for tests: keeps the plan of its command line until SIGTERM. Says on
 * standard output what it would serve; SIGHUP sets the plan again, SIGUSR1 is a change of the
 * network.
 */
#include "base/log.h"
#include "io/http_fetch.h"
#include "server/refresher.h"

#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

struct run {
	struct refresher_plan plan;
	struct event_base *base;
	struct refresher *refresher;
};

static void on_publish(void *context, struct artifact *artifact)
{
	const struct run *run = context;
	char hex[2 * SHA256_LEN + 1] = "nothing";

	if (artifact)
		bytes_hex(bytes_of(artifact_sha256(artifact), SHA256_LEN), hex);
	printf("serving %s status %s\n", hex, refresher_status(run->refresher));
	fflush(stdout);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct run *run = context;

	(void)what;
	if (number == SIGHUP)
		refresher_set_plan(run->refresher, &run->plan);
	else if (number == SIGUSR1)
		refresher_hurry(run->refresher);
	else
		event_base_loopbreak(run->base);
}

static bool parse(int argc, char **argv, struct refresher_plan *plan)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'},
		{"ca-file", required_argument, NULL, 'c'},
		{"trust-url", required_argument, NULL, 't'},
		{"db-cert", required_argument, NULL, 'd'},
		{"token-file", required_argument, NULL, 'k'},
		{"state-dir", required_argument, NULL, 's'},
		{"interval-ms", required_argument, NULL, 'i'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'u':
			plan->url = optarg;
			break;
		case 'c':
			plan->ca_file = optarg;
			break;
		case 't':
			plan->trust_url = optarg;
			break;
		case 'd':
			plan->db_cert = optarg;
			break;
		case 'k':
			plan->token_file = optarg;
			break;
		case 's':
			plan->state_dir = optarg;
			break;
		case 'i':
			plan->interval_ms = strtoul(optarg, NULL, 10);
			break;
		default:
			return false;
		}
	return plan->url && plan->state_dir && plan->interval_ms > 0;
}

int main(int argc, char **argv)
{
	static const int signals[] = {SIGHUP, SIGUSR1, SIGTERM};
	struct event *events[3] = {NULL};
	struct run run = {0};
	int r = -1;

	if (!parse(argc, argv, &run.plan) || http_fetch_global_init() < 0)
		return 2;
	run.base = event_base_new();
	for (size_t i = 0; i < 3; i++) {
		events[i] = evsignal_new(run.base, signals[i], on_signal, &run);
		event_add(events[i], NULL);
	}
	if (refresher_new(run.base, &run.plan, on_publish, &run, &run.refresher) == 0) {
		r = refresher_start(run.refresher);
		if (r == 0)
			event_base_dispatch(run.base);
		refresher_free(run.refresher);
	}
	for (size_t i = 0; i < 3; i++)
		event_free(events[i]);
	event_base_free(run.base);
	http_fetch_global_fini();
	return r == 0 ? 0 : 1;
}
