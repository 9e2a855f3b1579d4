/* The main function of every Check suite: runs it, prints failures, and closes with the
 * line that Check prints. $CK_FORK=no works as usual for debugging. */
#ifndef TFX_TESTS_CHECK_MAIN_H
#define TFX_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

#define TFX_CHECK_MAIN(suite_function) \
    int main(void) \
    { \
        SRunner *runner = srunner_create(suite_function()); \
        srunner_run_all(runner, CK_NORMAL); \
        int failed = srunner_ntests_failed(runner); \
        srunner_free(runner); \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS; \
    }

#endif
