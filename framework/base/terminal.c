#include "framework/base/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "framework/base/text.h"

int tfx_terminal_is_live(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static int from_environment(const char *name, int otherwise)
{
    const char *text = getenv(name);
    int64_t value;
    return text && tfx_parse_integer(text, &value) && value > 0 && value < 10000 ? (int)value : otherwise;
}

void tfx_terminal_size(int *columns, int *rows)
{
    struct winsize size = {0};
    ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    *columns = size.ws_col ? size.ws_col : from_environment("COLUMNS", 80);
    *rows = size.ws_row ? size.ws_row : from_environment("LINES", 24);
}

int tfx_terminal_has_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return tfx_terminal_is_live() && !(no && *no);
}

int tfx_terminal_has_unicode(void)
{
    locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    int yes = l && !strcmp(nl_langinfo_l(CODESET, l), "UTF-8");
    if (l)
        freelocale(l);
    return yes;
}
