// The one symbol that libinglenook_cuda.so exports.
#include "engine/device/cuda_executor.h"
#include "engine/device/cuda_group_executor.h"
#include "engine/device/cuda_library.h"

extern "C" __attribute__((visibility("default"))) const engine::CudaFactory*
inglenook_cuda_factory(std::uint32_t abi) {
    static constexpr engine::CudaFactory kFactory{engine::kCudaAbi, engine::CudaExecutor::create,
                                                  engine::CudaGroupExecutor::create};
    return abi == engine::kCudaAbi ? &kFactory : nullptr;
}
