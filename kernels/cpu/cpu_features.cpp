#include "kernels/cpu/cpu_features.h"

namespace kernels {

CpuFeatures detectCpuFeatures() {
    CpuFeatures features;
#if defined(__x86_64__)
    __builtin_cpu_init();
    features.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    features.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    features.avx512Vnni = features.avx512 && __builtin_cpu_supports("avx512vnni");
    features.avx512Bf16 = features.avx512 && __builtin_cpu_supports("avx512bf16");
#endif
    return features;
}

} // namespace kernels
