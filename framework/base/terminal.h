/* Terminal: what can be drawn on standard error. */
#ifndef TFX_BASE_TERMINAL_H
#define TFX_BASE_TERMINAL_H

/* Whether it is a terminal on which the cursor can be moved: not one of TERM=dumb. */
int tfx_terminal_is_live(void);

/* Its size now. Without one that is known: $COLUMNS and $LINES, or else 80 and 24. */
void tfx_terminal_size(int *columns, int *rows);

/* Whether colours are wanted: not with NO_COLOR (https://no-color.org), unless it is empty. */
int tfx_terminal_has_colour(void);

/* Whether its characters are UTF-8, as the locale of the environment says. */
int tfx_terminal_has_unicode(void);

#endif
