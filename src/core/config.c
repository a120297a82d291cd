/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file as one table: a row a key, with its kind, bounds, default, place and help.
 * Parsing, printing and the check of a reload all walk that table. inih splits the lines; our
 * reader counts them and refuses what inih would silently cut (a line over its buffer, a NUL
 * octet). Invariant: a struct config that leaves this file is complete and within bounds.
 */
#include "core/config.h"

#include "base/cleanup.h"
#include "core/admission.h"
#include "core/iface_table.h"
#include "core/proxydhcp.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include <ini.h>

/* What libinih 55 takes in one line without its end; over that it would make two keys of it. */
#define CONFIG_LINE_MAX	   198
#define CONFIG_SUBNETS_MAX 64
#define CONFIG_VALUE_MAX   256
#define DURATION_MAX	   32

enum config_kind {
	CONFIG_TEXT,
	CONFIG_URL,	 /* https only; a directory URL gains its last '/' */
	CONFIG_FILE_URL, /* https only */
	CONFIG_FILE,	 /* an absolute path */
	CONFIG_SCRIPT,	 /* an absolute path, or "chain" */
	CONFIG_DURATION, /* 90s, 15m, 1h; kept in ms, bounds in ms */
	CONFIG_COUNT,
	CONFIG_BOOL,
	CONFIG_CHOICE, /* a word of `choices` */
	CONFIG_ADDRESS,
	CONFIG_SUBNETS,
	CONFIG_INTERFACES,
	CONFIG_PORT_RANGE,
};

struct config_choice {
	const char *word;
	uint64_t value;
};

static const struct config_choice uefi_forms[] = {
	{"binl", PROXYDHCP_BINL},
	{"direct", PROXYDHCP_DIRECT},
	{0},
};

static const struct config_choice log_levels[] = {
	{"error", LOG_ERR},
	{"warning", LOG_WARNING},
	{"notice", LOG_NOTICE},
	{"info", LOG_INFO},
	{"debug", LOG_DEBUG},
	{0},
};

struct config_key {
	const char *section;
	const char *key;
	enum config_kind kind;
	const char *initial; /* the default, as a file would spell it; NULL: none */
	size_t offset;
	const char *help;
	uint64_t min, max;
	const struct config_choice *choices;
	bool mandatory;
	bool restart; /* a reload cannot change it */
};

#define SECONDS UINT64_C(1000)
#define MINUTES (60 * SECONDS)
#define HOURS	(60 * MINUTES)
#define DAYS	(24 * HOURS)

static const struct duration_unit {
	const char *suffix;
	uint64_t ms;
} duration_units[] = {{"d", DAYS}, {"h", HOURS}, {"m", MINUTES}, {"s", SECONDS}};

/* clang-format off */
#define KEY(section_, key_, kind_, initial_, help_, ...)                                           \
	{.section = #section_, .key = key_, .kind = kind_, .initial = initial_, .help = help_,     \
		__VA_ARGS__}
#define FIELD(field) .offset = offsetof(struct config, field)

static const struct config_key config_keys[] = {
	KEY(orchestrator, "url", CONFIG_URL, NULL,
		"base URL below which signed_ipxe.efi and keys/db.der are published",
		FIELD(orchestrator.url), .mandatory = true),
	KEY(orchestrator, "ca-file", CONFIG_FILE, NULL,
		"PEM file of the certificates to trust instead of the system store",
		FIELD(orchestrator.ca_file)),
	KEY(orchestrator, "trust-url", CONFIG_FILE_URL, NULL,
		"where to fetch the certificate to trust for url",
		FIELD(orchestrator.trust_url)),
	KEY(orchestrator, "db-cert", CONFIG_FILE, NULL,
		"Secure Boot db certificate, DER or PEM; default: keys/db.der below url",
		FIELD(orchestrator.db_cert)),
	KEY(orchestrator, "token-file", CONFIG_FILE, NULL,
		"file with a bearer token for url",
		FIELD(orchestrator.token_file)),
	KEY(orchestrator, "refresh-interval", CONFIG_DURATION, "15m",
		"how often to ask for a newer signed iPXE",
		FIELD(orchestrator.refresh_interval_ms), .min = 10 * SECONDS, .max = 7 * DAYS),
	KEY(network, "interfaces", CONFIG_INTERFACES, "*",
		"names or patterns of the interfaces to serve; !name excludes",
		FIELD(network.interfaces)),
	KEY(network, "address", CONFIG_ADDRESS, NULL,
		"our address, where netlink's is not the one to give",
		FIELD(network.address)),
	KEY(network, "clients", CONFIG_SUBNETS, NULL,
		"subnets served beside those of the interfaces",
		FIELD(network.clients)),
	KEY(network, "relays", CONFIG_SUBNETS, NULL,
		"DHCP relays whose messages are believed",
		FIELD(network.relays)),
	KEY(boot, "autoexec", CONFIG_SCRIPT, NULL,
		"script to serve as autoexec.ipxe; chain: the built-in one",
		FIELD(boot.autoexec)),
	KEY(boot, "uefi-form", CONFIG_CHOICE, "binl",
		"how UEFI clients are answered: by way of port 4011, or direct",
		FIELD(boot.uefi_form), .choices = uefi_forms),
	KEY(tftp, "max-transfers", CONFIG_COUNT, "4096",
		"transfers at once",
		FIELD(tftp.max_transfers), .min = 1, .max = 65536),
	KEY(tftp, "max-transfers-per-client", CONFIG_COUNT, "8",
		"transfers at once to one address",
		FIELD(tftp.max_transfers_per_client), .min = 1, .max = 65536),
	KEY(tftp, "window-max", CONFIG_COUNT, "16",
		"blocks in flight to a client that asks for windowsize",
		FIELD(tftp.window_max), .min = 1, .max = 64),
	KEY(tftp, "blksize-max", CONFIG_COUNT, "65464",
		"octets a block; the interface's MTU limits it further",
		FIELD(tftp.blksize_max), .min = 512, .max = 65464),
	KEY(tftp, "single-port", CONFIG_BOOL, "no",
		"answer from port 69 alone",
		FIELD(tftp.single_port)),
	KEY(tftp, "port-range", CONFIG_PORT_RANGE, NULL,
		"first-last of the ports to answer from; default: any",
		FIELD(tftp.port_range)),
	KEY(process, "user", CONFIG_TEXT, "edgepxe",
		"whom to become when started as root",
		FIELD(process.user), .restart = true),
	KEY(process, "drain-time", CONFIG_DURATION, "30s",
		"how long transfers may go on after SIGTERM",
		FIELD(process.drain_time_ms), .max = 10 * MINUTES),
	KEY(process, "log-level", CONFIG_CHOICE, "info",
		"the least important lines to log",
		FIELD(process.log_level), .choices = log_levels),
	KEY(paths, "state-dir", CONFIG_FILE, "/var/lib/edgepxe",
		"where the last good artifact is kept",
		FIELD(paths.state_dir), .restart = true),
};
/* clang-format on */

#define N_KEYS (sizeof(config_keys) / sizeof(config_keys[0]))

struct config_parser {
	struct config *config;
	struct bytes rest; /* of the text, from the next line on */
	unsigned line;
	unsigned seen_at[N_KEYS]; /* line of each key; 0: not seen */
	const char *name;
	char *error; /* CONFIG_ERROR_MAX; the first one stays */
};

static void *field_of(const struct config *config, const struct config_key *key)
{
	return (char *)(uintptr_t)config + key->offset;
}

static bool __attribute__((format(printf, 2, 3)))
refuse(char reason[CONFIG_VALUE_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, CONFIG_VALUE_MAX, format, args);
	va_end(args);
	return false;
}

/* --- one parser a kind: text to field; false, and the reason, when it is not that ----------------
 */

static bool parse_number(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*ret_value = strtoull(text, &end, 10);
	*ret_rest = end;
	return errno == 0;
}

static bool parse_count(const struct config_key *key, const char *text, uint64_t *ret_value,
	char reason[CONFIG_VALUE_MAX])
{
	const char *rest;
	uint64_t value;

	if (!parse_number(text, &value, &rest) || *rest != '\0')
		return refuse(reason, "is no number");
	if (value < key->min || value > key->max)
		return refuse(reason, "is not within %" PRIu64 " to %" PRIu64, key->min, key->max);
	*ret_value = value;
	return true;
}

/* In the largest unit that says it without a fraction. */
static const char *format_duration(uint64_t ms, char text[DURATION_MAX])
{
	const struct duration_unit *unit = duration_units;

	while (unit->ms > SECONDS && (ms == 0 || ms % unit->ms != 0))
		unit++;
	snprintf(text, DURATION_MAX, "%" PRIu64 "%s", ms / unit->ms, unit->suffix);
	return text;
}

static bool parse_duration(const struct config_key *key, const char *text, uint64_t *ret_ms,
	char reason[CONFIG_VALUE_MAX])
{
	char min[DURATION_MAX], max[DURATION_MAX];
	const char *rest;
	uint64_t value;

	if (!parse_number(text, &value, &rest))
		return refuse(reason, "is no duration: give a number and s, m, h or d");
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		const struct duration_unit *unit = &duration_units[i];

		if (strcmp(rest, unit->suffix) != 0)
			continue;
		if (value > key->max / unit->ms || value * unit->ms < key->min)
			return refuse(reason, "is not within %s to %s",
				format_duration(key->min, min), format_duration(key->max, max));
		*ret_ms = value * unit->ms;
		return true;
	}
	return refuse(reason, "lacks its unit: s, m, h or d");
}

static bool parse_bool(const char *text, bool *ret_value, char reason[CONFIG_VALUE_MAX])
{
	if (strcasecmp(text, "yes") == 0)
		*ret_value = true;
	else if (strcasecmp(text, "no") == 0)
		*ret_value = false;
	else
		return refuse(reason, "is neither yes nor no");
	return true;
}

static bool parse_choice(const struct config_key *key, const char *text, uint64_t *ret_value,
	char reason[CONFIG_VALUE_MAX])
{
	char words[CONFIG_VALUE_MAX / 2] = "";

	for (const struct config_choice *c = key->choices; c->word; c++) {
		if (strcmp(c->word, text) == 0) {
			*ret_value = c->value;
			return true;
		}
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s",
			words[0] ? ", " : "", c->word);
	}
	return refuse(reason, "is none of: %s", words);
}

static bool parse_port_range(
	const char *text, uint16_t *ret_first, uint16_t *ret_last, char reason[CONFIG_VALUE_MAX])
{
	const char *rest;
	uint64_t first, last;

	if (!parse_number(text, &first, &rest) || *rest != '-'
		|| !parse_number(rest + 1, &last, &rest) || *rest != '\0')
		return refuse(reason, "is no range of ports: give first-last");
	if (first < 1024 || last > 65535 || first > last)
		return refuse(reason, "is not within 1024-65535, first to last");
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return true;
}

/* The URL ends up in an iPXE script, too: only characters that mean nothing to one. */
static bool valid_url(const char *text, char reason[CONFIG_VALUE_MAX])
{
	const char *host = text + strlen("https://");

	if (strncmp(text, "https://", strlen("https://")) != 0)
		return refuse(reason, "does not start with https://");
	if (!isalnum((unsigned char)*host) && *host != '[')
		return refuse(reason, "names no host");
	for (const char *c = host; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._~:/%+,=[]", *c))
			return refuse(reason, "has a character that may not stand in it: '%c'", *c);
	return true;
}

static bool valid_value(
	const struct config_key *key, const char *text, char reason[CONFIG_VALUE_MAX])
{
	struct admission_subnet subnets[CONFIG_SUBNETS_MAX];
	const char *why;
	int n;

	switch (key->kind) {
	case CONFIG_URL:
	case CONFIG_FILE_URL:
		return valid_url(text, reason);
	case CONFIG_SCRIPT:
		if (strcmp(text, "chain") == 0)
			return true;
		return text[0] == '/' || refuse(reason, "is neither 'chain' nor an absolute path");
	case CONFIG_FILE:
		return text[0] == '/' || refuse(reason, "is no absolute path");
	case CONFIG_INTERFACES:
		return iface_policy_valid(text, &why)
		       || refuse(reason, "is no list of interfaces: %s", why);
	case CONFIG_SUBNETS:
		n = admission_subnets_parse(text, subnets, CONFIG_SUBNETS_MAX);
		if (n == -ENOSPC)
			return refuse(reason, "lists more than %d subnets", CONFIG_SUBNETS_MAX);
		return n >= 0 || refuse(reason, "is no list of addresses and subnets");
	default:
		return true;
	}
}

static bool set_string(
	const struct config_key *key, char **field, const char *text, char reason[CONFIG_VALUE_MAX])
{
	const char *tail = "";
	char *copy;

	if (!valid_value(key, text, reason))
		return false;
	if (key->kind == CONFIG_URL && text[strlen(text) - 1] != '/')
		tail = "/";
	if (asprintf(&copy, "%s%s", text, tail) < 0)
		return refuse(reason, "does not fit in memory");
	free(*field);
	*field = copy;
	return true;
}

static bool set_address(struct in_addr *field, const char *text, char reason[CONFIG_VALUE_MAX])
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		return refuse(reason, "is no IPv4 address");
	*field = address;
	return true;
}

static bool set_field(struct config *config, const struct config_key *key, const char *text,
	char reason[CONFIG_VALUE_MAX])
{
	void *field = field_of(config, key);
	uint16_t *ports = field;

	switch (key->kind) {
	case CONFIG_DURATION:
		return parse_duration(key, text, field, reason);
	case CONFIG_COUNT:
		return parse_count(key, text, field, reason);
	case CONFIG_BOOL:
		return parse_bool(text, field, reason);
	case CONFIG_CHOICE:
		return parse_choice(key, text, field, reason);
	case CONFIG_ADDRESS:
		return set_address(field, text, reason);
	case CONFIG_PORT_RANGE:
		return parse_port_range(text, &ports[0], &ports[1], reason);
	default:
		return set_string(key, field, text, reason);
	}
}

/* --- the file -----------------------------------------------------------------------------------
 */

static int __attribute__((format(printf, 2, 3)))
parser_error(struct config_parser *parser, const char *format, ...)
{
	va_list args;
	int len;

	if (parser->error[0] != '\0')
		return 0;
	len = snprintf(parser->error, CONFIG_ERROR_MAX, "%s:%u: ", parser->name, parser->line);
	if (len > 0 && len < CONFIG_ERROR_MAX) {
		va_start(args, format);
		vsnprintf(parser->error + len, CONFIG_ERROR_MAX - (size_t)len, format, args);
		va_end(args);
	}
	return 0;
}

/* Of sections without a key inih tells nothing, so they are judged here; all that is no [section]
 * is inih's to judge. */
static bool known_section(struct config_parser *parser, const char *line)
{
	size_t len = line[0] == '[' ? strcspn(line + 1, "]") : 0;

	if (len == 0 || line[1 + len] != ']')
		return true;
	for (size_t i = 0; i < N_KEYS; i++)
		if (strlen(config_keys[i].section) == len
			&& strncmp(config_keys[i].section, line + 1, len) == 0)
			return true;
	parser_error(parser, "there is no section [%.*s]", (int)len, line + 1);
	return false;
}

/* inih's reader: one line into `buffer`, as fgets does; NULL at the end and after an error. Leading
 * blanks go, or inih would take the line for a continuation of the one before. */
static char *read_line(char *buffer, int size, void *stream)
{
	struct config_parser *parser = stream;
	struct bytes line = parser->rest;
	const uint8_t *newline;

	if (line.len == 0 || parser->error[0] != '\0')
		return NULL;
	parser->line++;
	newline = memchr(line.data, '\n', line.len);
	if (newline)
		line.len = (size_t)(newline - line.data) + 1;
	parser->rest = bytes_of(line.data + line.len, parser->rest.len - line.len);
	while (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) {
		line.data++;
		line.len--;
	}
	if (memchr(line.data, '\0', line.len)) {
		parser_error(parser, "a NUL octet stands in this line");
		return NULL;
	}
	if (line.len > CONFIG_LINE_MAX || line.len >= (size_t)size) {
		parser_error(parser, "the line is longer than %d characters", CONFIG_LINE_MAX);
		return NULL;
	}
	memcpy(buffer, line.data, line.len);
	buffer[line.len] = '\0';
	return known_section(parser, buffer) ? buffer : NULL;
}

static const struct config_key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(config_keys[i].section, section) == 0
			&& strcmp(config_keys[i].key, name) == 0)
			return &config_keys[i];
	return NULL;
}

/* inih's handler: 1, or 0 after an error. An empty value means the default. */
static int take_value(void *user, const char *section, const char *name, const char *value)
{
	struct config_parser *parser = user;
	const struct config_key *key = find_key(section, name);
	char reason[CONFIG_VALUE_MAX];
	unsigned *seen_at;

	if (section[0] == '\0')
		return parser_error(parser, "'%s' stands before the first [section]", name);
	if (!key)
		return parser_error(parser, "there is no key '%s' in [%s]", name, section);
	seen_at = &parser->seen_at[key - config_keys];
	if (*seen_at != 0)
		return parser_error(
			parser, "%s.%s was given before, in line %u", section, name, *seen_at);
	*seen_at = parser->line;
	/* inih takes `key=;x` for a value, which printed again would be a comment. */
	if (value[0] == ';')
		return parser_error(
			parser, "%s.%s: a comment needs a blank before its ';'", section, name);
	if (value[0] != '\0' && !set_field(parser->config, key, value, reason))
		return parser_error(parser, "%s.%s: '%s' %s", section, name, value, reason);
	return 1;
}

static bool set_defaults(struct config *config)
{
	char reason[CONFIG_VALUE_MAX];

	for (size_t i = 0; i < N_KEYS; i++)
		if (config_keys[i].initial
			&& !set_field(config, &config_keys[i], config_keys[i].initial, reason))
			return false;
	return true;
}

static bool check_mandatory(struct config_parser *parser)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		const struct config_key *key = &config_keys[i];

		if (key->mandatory && !*(char **)field_of(parser->config, key)) {
			parser_error(
				parser, "%s.%s is missing: %s", key->section, key->key, key->help);
			return false;
		}
	}
	return true;
}

CLEANUP_DEFINE(struct config *, config_free)

struct config *config_new(struct bytes text, const char *name, char ret_error[CONFIG_ERROR_MAX])
{
	CLEANUP(config_free_p) struct config *config = calloc(1, sizeof(*config));
	struct config_parser parser = {
		.config = config, .rest = text, .name = name, .error = ret_error};
	int bad_line;

	ret_error[0] = '\0';
	if (!config || !set_defaults(config)) {
		parser_error(&parser, "out of memory");
		return NULL;
	}
	bad_line = ini_parse_stream(read_line, &parser, take_value, &parser);
	if (ret_error[0] != '\0')
		return NULL;
	if (bad_line != 0) {
		parser.line = (unsigned)bad_line;
		parser_error(&parser, "is neither [section], key = value nor a comment");
		return NULL;
	}
	if (parser.line == 0)
		parser.line = 1; /* of an empty file */
	if (!check_mandatory(&parser))
		return NULL;
	return CLEANUP_STEAL(config);
}

static bool is_string(const struct config_key *key)
{
	switch (key->kind) {
	case CONFIG_TEXT:
	case CONFIG_URL:
	case CONFIG_FILE_URL:
	case CONFIG_FILE:
	case CONFIG_SCRIPT:
	case CONFIG_SUBNETS:
	case CONFIG_INTERFACES:
		return true;
	default:
		return false;
	}
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < N_KEYS; i++)
		if (is_string(&config_keys[i]))
			free(*(char **)field_of(config, &config_keys[i]));
	free(config);
}

/* --- the other way -------------------------------------------------------------------------------
 */

static const char *choice_word(const struct config_key *key, uint64_t value)
{
	for (const struct config_choice *c = key->choices; c->word; c++)
		if (c->value == value)
			return c->word;
	return "";
}

static const char *format_field(
	const struct config *config, const struct config_key *key, char text[CONFIG_VALUE_MAX])
{
	const void *field = field_of(config, key);
	const uint16_t *ports = field;

	text[0] = '\0';
	switch (key->kind) {
	case CONFIG_DURATION:
		return format_duration(*(const uint64_t *)field, text);
	case CONFIG_COUNT:
		snprintf(text, CONFIG_VALUE_MAX, "%" PRIu64, *(const uint64_t *)field);
		return text;
	case CONFIG_BOOL:
		return *(const bool *)field ? "yes" : "no";
	case CONFIG_CHOICE:
		return choice_word(key, *(const uint64_t *)field);
	case CONFIG_ADDRESS:
		if (((const struct in_addr *)field)->s_addr != 0)
			inet_ntop(AF_INET, field, text, CONFIG_VALUE_MAX);
		return text;
	case CONFIG_PORT_RANGE:
		if (ports[0] != 0)
			snprintf(text, CONFIG_VALUE_MAX, "%u-%u", ports[0], ports[1]);
		return text;
	default:
		return *(char *const *)field ? *(char *const *)field : "";
	}
}

void config_each(const struct config *config, config_emit_fn emit, void *context)
{
	char text[CONFIG_VALUE_MAX];

	for (size_t i = 0; i < N_KEYS; i++)
		emit(context, config_keys[i].section, config_keys[i].key,
			format_field(config, &config_keys[i], text), config_keys[i].help);
}

const char *config_needs_restart(const struct config *running, const struct config *wanted)
{
	char before[CONFIG_VALUE_MAX], after[CONFIG_VALUE_MAX];

	for (size_t i = 0; i < N_KEYS; i++) {
		const struct config_key *key = &config_keys[i];

		if (key->restart
			&& strcmp(format_field(running, key, before),
				   format_field(wanted, key, after))
				   != 0)
			return key->key;
	}
	return NULL;
}
