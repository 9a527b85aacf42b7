#include "kernels/cpu/scalar_kernels.h"

#include <cmath>

namespace kernels::scalar {

std::size_t firstLargest(const float* x, std::size_t count) {
    std::size_t best = count;
    float largest = -__builtin_inff();
    for (std::size_t i = 0; i < count; ++i) {
        if (x[i] > largest) {
            largest = x[i];
            best = i;
        }
    }
    return best;
}

DrawWeights drawWeights(const DrawTask& task) {
    DrawWeights result;
    for (std::size_t i = 0; i < task.count; ++i) {
        const float depth = (task.x[i] - task.top) * task.scale;
        if (!(depth >= -kDrawDepth)) // NaN too
            continue;
        const float weight = std::exp(depth);
        result.sum += static_cast<double>(weight);
        if (depth >= task.listedFrom)
            task.listed[result.listed++] = {static_cast<std::int32_t>(i), weight};
    }
    return result;
}

} // namespace kernels::scalar
