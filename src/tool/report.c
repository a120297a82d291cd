/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both forms of a report are made from the same calls, so that neither can say what the other does
 * not. Without memory for JSON facts are missing there; nothing else depends on it.
 */
#include "tool/report.h"

#include "io/clock.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 1024

struct report {
	bool as_json;
	uint64_t started_ms;
	json_t *object;
	json_t *steps;
};

static const char *outcome_word(enum report_outcome outcome)
{
	switch (outcome) {
	case REPORT_OK:
		return "ok";
	case REPORT_WARNING:
		return "warning";
	case REPORT_FAILED:
		return "FAILED";
	}
	return "?";
}

struct report *report_new(bool as_json)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->as_json = as_json;
	report->started_ms = clock_now_ms();
	report->object = json_object();
	report->steps = json_array();
	json_object_set(report->object, "steps", report->steps);
	return report;
}

void report_free(struct report *report)
{
	json_decref(report->steps);
	json_decref(report->object);
	free(report);
}

void report_step(struct report *report, enum report_outcome outcome, const char *step,
	const char *format, ...)
{
	uint64_t elapsed_ms = clock_now_ms() - report->started_ms;
	char text[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_array_append_new(
		report->steps, json_pack("{s:s, s:s, s:I, s:s}", "step", step, "outcome",
				       outcome == REPORT_FAILED ? "failed" : outcome_word(outcome),
				       "ms", (json_int_t)elapsed_ms, "text", text));
	if (report->as_json)
		return;
	printf("%7.3f s  %-11s %-8s %s\n", (double)elapsed_ms / 1000, step, outcome_word(outcome),
		text);
	fflush(stdout);
}

void report_advise(struct report *report, const char *advice)
{
	json_t *last = json_array_get(report->steps, json_array_size(report->steps) - 1);

	json_object_set_new(last, "check", json_string(advice));
	if (!report->as_json)
		printf("%32scheck: %s\n", "", advice);
}

void report_fact(struct report *report, const char *key, json_t *value)
{
	json_object_set_new(report->object, key, value);
}

static const char *verdict_words(enum report_verdict verdict)
{
	switch (verdict) {
	case REPORT_BOOTS:
		return "boots";
	case REPORT_DOES_NOT_BOOT:
		return "would not boot";
	case REPORT_CANNOT_TELL:
		return "cannot tell";
	}
	return "?";
}

void report_verdict(struct report *report, enum report_verdict verdict, const char *text)
{
	uint64_t elapsed_ms = clock_now_ms() - report->started_ms;

	json_object_set_new(report->object, "boots",
		verdict == REPORT_CANNOT_TELL ? json_null()
					      : json_boolean(verdict == REPORT_BOOTS));
	json_object_set_new(report->object, "verdict", json_string(text));
	json_object_set_new(report->object, "ms", json_integer((json_int_t)elapsed_ms));
	if (report->as_json) {
		json_dumpf(report->object, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		printf("%s after %.3f s: %s\n", verdict_words(verdict), (double)elapsed_ms / 1000,
			text);
	}
}
