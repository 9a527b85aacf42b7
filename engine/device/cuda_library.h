#pragma once
// CudaLibrary: the border between the program and libinglenook_cuda.so, which is opened at run time
// so that the program starts without CUDA. One C symbol, inglenook_cuda_factory(abi).
//
// Looked for in $INGLENOOK_CUDA_LIBRARY, beside the program, in ../lib/inglenook.

#include "engine/device/executor.h"

#include <cstdint>
#include <memory>
#include <span>

namespace engine {

/// Raised whenever a type that crosses the border changes (executor.h and what it includes).
constexpr std::uint32_t kCudaAbi = 5;
constexpr const char* kCudaFactorySymbol = "inglenook_cuda_factory";

/// A GPU of several, and how much of the model it is to hold against the others.
struct CudaShare {
    int device = 0;
    std::uint32_t weight = 1; ///< above 0
};

/// What the library gives.
struct CudaFactory {
    std::uint32_t abi = kCudaAbi;
    Result<std::unique_ptr<Executor>> (*make)(int device) = nullptr;
    /// Several devices as one executor.
    Result<std::unique_ptr<Executor>> (*makeGroup)(std::span<const CudaShare> devices,
                                                   SplitMode split) = nullptr;
};
/// nullptr when the library was built for another `abi`.
using CudaFactoryFunction = const CudaFactory* (*)(std::uint32_t abi);

/// Looks for the file and opens nothing.
bool cudaLibraryExists();

/// Opens the library (it stays open) and makes an executor on a device. CudaMissing when there is
/// no library, driver or GPU, DeviceUnavailable when one of them cannot be used.
Result<std::unique_ptr<Executor>> makeCudaExecutor(int device);
/// The same on several devices (one is an executor of its own).
Result<std::unique_ptr<Executor>> makeCudaExecutor(std::span<const CudaShare> devices,
                                                   SplitMode split);

} // namespace engine
