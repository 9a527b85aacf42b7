#pragma once
// INGLENOOK_ON_BOTH: before a function that kernels on a GPU and tests on the host share.

#ifdef __CUDACC__
#define INGLENOOK_ON_BOTH __host__ __device__
#else
#define INGLENOOK_ON_BOTH
#endif
