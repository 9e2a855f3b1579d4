/* JSON: documents as text, with numbers that read back as they were. */
#ifndef TFX_BASE_JSON_H
#define TFX_BASE_JSON_H

#include <stdio.h>

struct cJSON;

/* The document, indented or on one line; a heap string. cJSON's own printing drops the last bits of a number that 15 digits
 * come near enough to, so numbers become raw text in the document: print it last. One that is not finite is null. */
char *tfx_json_text(struct cJSON *json, int indented);

/* Prints it, indented, and a newline. */
void tfx_json_print(struct cJSON *json, FILE *out);

/* A number as short as reading it back to the same one allows; buf has at least 32 bytes, and is returned. */
char *tfx_real_exact(char *buf, double x);

#endif
