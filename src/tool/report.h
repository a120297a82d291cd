/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cleanup.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What a command of the tool found out, step by step: for a person as it happens, or as one JSON
 * object at the end with the same facts. */
struct report;

struct report *report_new(bool as_json);
void report_free(struct report *report);
CLEANUP_DEFINE(struct report *, report_free)

enum report_outcome {
	REPORT_OK,
	REPORT_WARNING, /* works, and still to be looked at */
	REPORT_FAILED,
};

/* A step is over, now. `step` is one word for scripts. */
void report_step(struct report *report, enum report_outcome outcome, const char *step,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What to look at because of the last step. */
void report_advise(struct report *report, const char *advice);

/* A fact beside the steps, for JSON alone; takes over `value`. */
void report_fact(struct report *report, const char *key, json_t *value);

enum report_verdict {
	REPORT_BOOTS,
	REPORT_DOES_NOT_BOOT,
	REPORT_CANNOT_TELL, /* this host is what failed */
};

/* The last line, or the object. */
void report_verdict(struct report *report, enum report_verdict verdict, const char *text);
