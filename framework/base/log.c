/* Every text is one call that appends it whole, so that lines of several threads do not mix. */
#include "framework/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/terminal.h"
#include "framework/base/text.h"

static struct {
    char name[128], *path;
    int fd; /* with a path */
    int refused;
    tfx_text early; /* lines from before the file */
} process_log;

/* Every line of the text behind the prefix, since a line may be read alone. Frees the prefix. */
static char *with_prefix(char *prefix, const char *text)
{
    tfx_text lines = {0};
    do {
        size_t n = strcspn(text, "\n");
        tfx_text_add(&lines, "%s%.*s\n", prefix, (int)n, text);
        text += n + (text[n] == '\n');
    } while (*text);
    free(prefix);
    return lines.s;
}

/* A live line that stands there on a terminal goes first. */
static void say(const char *before, const char *after, const char *text)
{
    const char *name = process_log.name;
    const char *clear = *name && tfx_terminal_is_live() ? "\r\033[K" : "";
    char *lines = *name ? with_prefix(tfx_printf("%s%s%s", before, name, after), text)
                        : tfx_printf("%s%s\n", before, text);
    fprintf(stderr, "%s%s", clear, lines);
    fflush(stderr);
    free(lines);
}

static void refuse(void)
{
    char *text = tfx_printf("%s: %s; it goes on without its log", process_log.path, strerror(errno));
    if (!process_log.refused)
        say("tfx: ", ": ", text);
    process_log.refused = 1;
    free(text);
}

static void append(const char *text)
{
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ  ", gmtime_r(&now, &utc));
    char *lines = with_prefix(tfx_strdup(when), text);
    if (!process_log.path && *process_log.name)
        tfx_text_add(&process_log.early, "%s", lines);
    else if (process_log.path && process_log.fd >= 0 && write(process_log.fd, lines, strlen(lines)) < 0)
        refuse();
    free(lines);
}

void tfx_log_name(const char *name)
{
    snprintf(process_log.name, sizeof(process_log.name), "%s", name);
}

const char *tfx_log_named(void)
{
    return process_log.name;
}

void tfx_log_open(const char *path)
{
    process_log.path = tfx_strdup(path);
    process_log.refused = 0;
    process_log.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (process_log.fd < 0 ||
        (process_log.early.n && write(process_log.fd, process_log.early.s, process_log.early.n) < 0))
        refuse();
    tfx_text_free(&process_log.early);
}

void tfx_log_close(void)
{
    if (process_log.path && process_log.fd >= 0)
        close(process_log.fd);
    free(process_log.path);
    process_log.path = NULL;
    *process_log.name = '\0';
    tfx_text_free(&process_log.early);
}

/* The text of the function's arguments; to be freed. */
#define FORMATTED(text) \
    char *text = NULL; \
    va_list ap; \
    va_start(ap, fmt); \
    if (vasprintf(&text, fmt, ap) < 0) \
        text = tfx_strdup("(out of memory)"); \
    va_end(ap)

void tfx_log_message(const char *fmt, ...)
{
    FORMATTED(text);
    say("tfx: ", ": ", text);
    append(text);
    free(text);
}

void tfx_log_event(const char *fmt, ...)
{
    FORMATTED(text);
    say("", "  ", text);
    append(text);
    free(text);
}

void tfx_log_note(const char *fmt, ...)
{
    FORMATTED(text);
    append(text);
    free(text);
}
