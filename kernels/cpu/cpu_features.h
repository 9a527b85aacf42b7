#pragma once
// What this CPU can do, asked once; the dispatcher chooses kernels by it.

namespace kernels {

struct CpuFeatures {
    bool avx2 = false;       // with FMA and F16C
    bool avx512 = false;     // F, BW, DQ, VL
    bool avx512Vnni = false; // with avx512
    bool avx512Bf16 = false; // with avx512
};

CpuFeatures detectCpuFeatures();

} // namespace kernels
