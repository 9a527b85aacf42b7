// What the CPU computes at most without vector instructions of our own: the limits that belong to
// the scalar kernels.
#include "kernels/cpu/scalar_kernels.h"

namespace kernels::scalar {

namespace {

constexpr int kChains = 8;

template<typename Number>
std::uint64_t spin(std::uint64_t rounds) {
    volatile Number seed = 1; // what the operands are is not known before the program runs
    const Number a = seed;
    Number sums[kChains];
    for (Number& sum : sums)
        sum = seed;
    for (std::uint64_t round = 0; round < rounds; ++round)
        for (Number& sum : sums)
            sum = sum * a + a;
    for (const Number& sum : sums)
        seed = sum;
    return rounds * kChains * 2;
}

} // namespace

std::uint64_t spinFloat(std::uint64_t rounds) {
    return spin<float>(rounds);
}

std::uint64_t spinInt8(std::uint64_t rounds) {
    return spin<std::uint32_t>(rounds);
}

} // namespace kernels::scalar
