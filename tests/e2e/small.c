/* A library to preload into tfx: the machine seems to have no more memory than SMALL_MEMORY says, in bytes. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((visibility("default"))) long sysconf(int name)
{
    long (*real)(int) = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    const char *bytes = getenv("SMALL_MEMORY");
    return name == _SC_PHYS_PAGES && bytes ? (long)(strtoull(bytes, NULL, 10) / (size_t)real(_SC_PAGESIZE))
                                           : real(name);
}
