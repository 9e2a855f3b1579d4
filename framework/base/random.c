#include "framework/base/random.h"

#include "framework/base/philox.h"

void tfx_random_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    tfx_philox(seed, stream, (uint32_t)index, (uint32_t)(index >> 32), out);
}

uint64_t tfx_random_u64(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t r[4];
    tfx_random_block(seed, stream, index, r);
    return (uint64_t)r[1] << 32 | r[0];
}

uint64_t tfx_random_stream(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}
