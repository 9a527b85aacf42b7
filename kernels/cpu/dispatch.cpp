#include "kernels/cpu/dispatch.h"

#include "kernels/cpu/cpu_features.h"

namespace kernels {

InstructionSet bestInstructionSet() {
    if (isSupported(InstructionSet::Avx512Vnni))
        return InstructionSet::Avx512Vnni;
    if (isSupported(InstructionSet::Avx2))
        return InstructionSet::Avx2;
    return InstructionSet::Scalar;
}

bool isSupported(InstructionSet set) {
    const CpuFeatures features = detectCpuFeatures();
    switch (set) {
    case InstructionSet::Scalar:
        return true;
    case InstructionSet::Avx2:
        return features.avx2;
    case InstructionSet::Avx512Vnni:
        return features.avx512Vnni;
    }
    return false;
}

const KernelTable& kernelTable(InstructionSet set) {
#if defined(__x86_64__)
    if (set == InstructionSet::Avx512Vnni && isSupported(set))
        return avx512::kTable;
    if (set == InstructionSet::Avx2 && isSupported(set))
        return avx2::kTable;
#endif
    return scalar::kTable;
}

std::size_t attentionScratchFloats(const KvLayout& layout, std::uint32_t headsPerKv,
                                   std::uint32_t context) {
    // The fast sets: per query its row padded to 16, output, bias sums, scores, maximum and sum;
    // one page of keys and values as float. The scalar one: a score for every position.
    const std::size_t dim = (layout.headDim + 15) / 16 * 16;
    const std::size_t queries = std::size_t{kAttentionRows} * headsPerKv;
    const std::size_t fast = queries * (3 * dim + kPagePositions + 16) + 2 * dim * kPagePositions;
    const std::size_t slow = (std::size_t{context} + 15) / 16 * 16;
    return fast > slow ? fast : slow;
}

} // namespace kernels
