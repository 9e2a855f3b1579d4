/* Gnuplot: see framework/report/gnuplot.h.
 *
 * Its three streams are files in memory: with pipes, either side could wait for the other. */
#include "framework/report/gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"

static const char *const formats[] = {[TFX_FIGURE_SVG] = "svg", [TFX_FIGURE_PDF] = "pdf", [TFX_FIGURE_PNG] = "png"};

#define N_FORMATS (sizeof(formats) / sizeof(*formats))

tfx_status tfx_figure_format_of(const char *path, tfx_figure_format *out, tfx_error *err)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; i < N_FORMATS; i++)
        if (dot && !strcasecmp(dot + 1, formats[i])) {
            *out = (tfx_figure_format)i;
            return TFX_OK;
        }
    return tfx_fail(err, TFX_E_INVALID, "%s: expected a name that ends in .svg, .pdf or .png, found '%s'", path,
                    dot ? dot : "no such ending");
}

void tfx_gnuplot_terminal(FILE *script, tfx_figure_format format, double width, double height)
{
    switch (format) {
    case TFX_FIGURE_SVG: /* pixels: 96 for an inch, and 4/3 for a point */
        fprintf(script, "set terminal svg size %.0f,%.0f fixed font 'Helvetica,Arial,sans-serif,9.3' linewidth 1.2\n",
                96 * width, 96 * height);
        break;
    case TFX_FIGURE_PDF:
        fprintf(script, "set terminal pdfcairo size %.3fin,%.3fin font 'Helvetica,6' linewidth 1 fontscale 1\n", width,
                height);
        break;
    default: /* 300 for an inch */
        fprintf(script,
                "set terminal pngcairo size %.0f,%.0f font 'Helvetica,6' linewidth 3.4 pointscale 3.4 "
                "fontscale 4.1667\n",
                300 * width, 300 * height);
    }
    fputs("set encoding utf8\n", script);
}

/* In single quotes nothing is special but the quote; a line ends with its text. */
void tfx_gnuplot_string(FILE *script, const char *text)
{
    fputc('\'', script);
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            fputc('\'', script);
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c, script);
    }
    fputc('\'', script);
}

/* All that a file in memory holds, with a zero byte behind it. */
static char *read_all(int fd, size_t *n)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *bytes = tfx_alloc((size_t)(size > 0 ? size : 0) + 1);
    *n = 0;
    for (ssize_t k = 1; k > 0 && *n < (size_t)size; *n += (size_t)(k > 0 ? k : 0))
        k = pread(fd, bytes + *n, (size_t)size - *n, (off_t)*n);
    return bytes;
}

/* A PDF holds the second of its making; without, the same data makes the same file. */
static void remove_date(char *bytes, size_t n)
{
    static const char key[] = "/CreationDate (D:", none[] = "19700101000000";
    char *at = memmem(bytes, n, key, strlen(key));
    if (at && at + strlen(key) + strlen(none) <= bytes + n)
        memcpy(at + strlen(key), none, strlen(none));
}

static int spawn(const int fds[3], pid_t *pid)
{
    static char *argv[] = {"gnuplot", "-d", "-", NULL}; /* -d: without what users have in ~/.gnuplot */
    char *env[32], *path = getenv("PATH"),
                   *all[] = {tfx_printf("PATH=%s", path ? path : "/usr/bin:/bin"), tfx_strdup("LC_ALL=C.UTF-8"),
                             tfx_strdup("HOME=/nonexistent")};
    posix_spawn_file_actions_t actions;
    memset(env, 0, sizeof(env));
    memcpy(env, all, sizeof(all));
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    int error = posix_spawnp(pid, argv[0], &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
    return error;
}

static tfx_status run(const int fds[3], char **bytes, size_t *n, tfx_error *err)
{
    pid_t pid;
    int error = spawn(fds, &pid), status = 0;
    if (error == ENOENT)
        return tfx_fail(
            err, TFX_E_IO,
            "figures are drawn by gnuplot, which is not installed (Debian: gnuplot-nox; tools/setup has it)");
    if (error)
        return tfx_fail(err, TFX_E_IO, "gnuplot cannot be started: %s", strerror(error));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    size_t n_said;
    char *said = read_all(fds[2], &n_said), *why = tfx_trimmed(said, n_said);
    *bytes = read_all(fds[1], n);
    remove_date(*bytes, *n);
    if (!WIFEXITED(status) || WEXITSTATUS(status) || !*n)
        tfx_fail(err, TFX_E_IO, "gnuplot has failed: %.400s", *why ? why : "it drew nothing");
    free(why);
    free(said);
    return err->status;
}

tfx_status tfx_gnuplot_run(const char *script, size_t script_size, char **bytes, size_t *n, tfx_error *err)
{
    int fds[3];
    *bytes = NULL;
    for (int i = 0; i < 3; i++)
        fds[i] = memfd_create("gnuplot", MFD_CLOEXEC);
    if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0 || write(fds[0], script, script_size) != (ssize_t)script_size ||
        lseek(fds[0], 0, SEEK_SET) != 0)
        tfx_fail(err, TFX_E_MEMORY, "the script for gnuplot: %s", strerror(errno));
    else
        run(fds, bytes, n, err);
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return err->status;
}
