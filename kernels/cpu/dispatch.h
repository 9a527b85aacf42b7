#pragma once
// The tables of the instruction sets. Each is defined in its own translation unit, the only ones
// compiled with that set's flags; nothing inline is shared with them that uses vector code.

#include "kernels/cpu_kernels.h"

namespace kernels {

namespace scalar {
extern const KernelTable kTable;
} // namespace scalar

#if defined(__x86_64__)
namespace avx2 {
extern const KernelTable kTable;
} // namespace avx2

namespace avx512 {
extern const KernelTable kTable;
} // namespace avx512
#endif

} // namespace kernels
