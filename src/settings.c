/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the configuration to what each module wants to know. Hides who needs which key; nothing
 * below this file sees a struct config.
 */
#include "settings.h"

#include "core/chain_script.h"
#include "io/file_store.h"

#include <stdio.h>

#define CONFIG_FILE_MAX (64 * 1024)
#define SCRIPT_FILE_MAX (64 * 1024)
#define NAMED_FILE_MAX	(1024 * 1024)

static struct config *load_config(const char *path, char ret_error[CONFIG_ERROR_MAX])
{
	CLEANUP_FREE uint8_t *text = NULL;
	size_t len;
	int r = file_read(path, CONFIG_FILE_MAX, &text, &len);

	if (r < 0) {
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s: the configuration cannot be read: %s",
			path, strerror(-r));
		return NULL;
	}
	return config_new(bytes_of(text, len), path, ret_error);
}

/* The script behind boot.autoexec with its placeholder filled in; true with NULL when there is
 * none. */
static bool load_autoexec(const struct config *config, const char *path,
	struct artifact **ret_script, char ret_error[CONFIG_ERROR_MAX])
{
	struct bytes template = bytes_of_string(chain_script_template);
	const char *source = config->boot.autoexec;
	CLEANUP_FREE uint8_t *file = NULL;
	char reason[ARTIFACT_REASON_MAX];
	uint8_t *script;
	size_t len;
	int r;

	if (!source)
		return true;
	if (strcmp(source, "chain") != 0) {
		r = file_read(source, SCRIPT_FILE_MAX, &file, &len);
		if (r < 0) {
			snprintf(ret_error, CONFIG_ERROR_MAX, "%s: boot.autoexec: %s: %s", path,
				source, strerror(-r));
			return false;
		}
		template = bytes_of(file, len);
	}
	script = chain_script_render(template, config->orchestrator.url, &len);
	if (script)
		*ret_script = artifact_new_script(script, len, reason);
	else
		snprintf(reason, sizeof(reason), "out of memory");
	if (!*ret_script)
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s: boot.autoexec: %s: %s", path, source,
			reason);
	return *ret_script != NULL;
}

/* The configuration has been judged: only the count is of interest here. */
static size_t parse_subnets(
	const char *text, struct admission_subnet ret_subnets[SETTINGS_SUBNETS_MAX])
{
	int n = text ? admission_subnets_parse(text, ret_subnets, SETTINGS_SUBNETS_MAX) : 0;

	return n > 0 ? (size_t)n : 0;
}

static void distribute(struct settings *settings)
{
	const struct config *config = settings->config;

	settings->interfaces = (struct iface_policy){
		.patterns = config->network.interfaces,
		.address = config->network.address,
	};
	settings->admission = (struct admission_policy){
		.clients = settings->clients,
		.n_clients = parse_subnets(config->network.clients, settings->clients),
		.relays = settings->relays,
		.n_relays = parse_subnets(config->network.relays, settings->relays),
	};
	settings->proxydhcp = (struct proxydhcp_policy){
		.uefi_form = (enum proxydhcp_uefi_form)config->boot.uefi_form,
		.machine = PE_MACHINE_X64,
	};
	settings->tftp = (struct tftp_server_policy){
		.transfer = TFTP_LIMITS_DEFAULT,
		.transfers_max = (unsigned)config->tftp.max_transfers,
		.transfers_per_client_max = (unsigned)config->tftp.max_transfers_per_client,
		.single_port = config->tftp.single_port,
		.port_first = config->tftp.port_range.first,
		.port_last = config->tftp.port_range.last,
	};
	settings->tftp.transfer.blksize_max = (uint32_t)config->tftp.blksize_max;
	settings->tftp.transfer.window_max = (uint16_t)config->tftp.window_max;
	settings->refresher = (struct refresher_plan){
		.url = config->orchestrator.url,
		.ca_file = config->orchestrator.ca_file,
		.trust_url = config->orchestrator.trust_url,
		.db_cert = config->orchestrator.db_cert,
		.token_file = config->orchestrator.token_file,
		.state_dir = config->paths.state_dir,
		.interval_ms = config->orchestrator.refresh_interval_ms,
	};
}

struct settings *settings_load(const char *path, char ret_error[CONFIG_ERROR_MAX])
{
	CLEANUP(settings_free_p) struct settings *settings = calloc(1, sizeof(*settings));

	if (!settings) {
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s: out of memory", path);
		return NULL;
	}
	settings->config = load_config(path, ret_error);
	if (!settings->config)
		return NULL;
	distribute(settings);
	if (!load_autoexec(settings->config, path, &settings->autoexec, ret_error))
		return NULL;
	return CLEANUP_STEAL(settings);
}

bool settings_check_files(
	const struct settings *settings, const char *path, char ret_error[CONFIG_ERROR_MAX])
{
	const struct refresher_plan *plan = &settings->refresher;
	const struct {
		const char *key;
		const char *file;
	} named[] = {
		{"ca-file", plan->ca_file},
		{"db-cert", plan->db_cert},
		{"token-file", plan->token_file},
	};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		CLEANUP_FREE uint8_t *content = NULL;
		size_t len;
		int r = named[i].file ? file_read(named[i].file, NAMED_FILE_MAX, &content, &len)
				      : 0;

		if (r == 0)
			continue;
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s: orchestrator.%s: %s: %s", path,
			named[i].key, named[i].file, strerror(-r));
		return false;
	}
	return true;
}

void settings_free(struct settings *settings)
{
	if (!settings)
		return;
	if (settings->autoexec)
		artifact_unref(settings->autoexec);
	config_free(settings->config);
	free(settings);
}
