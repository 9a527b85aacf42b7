#include "engine/device/cuda_library.h"

#include "engine/phrase.h"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <string>
#include <system_error>

namespace engine {

namespace {

constexpr const char* kFileName = "libinglenook_cuda.so";

/// The file to open, or nothing.
std::filesystem::path findLibrary() {
    std::error_code ignored;
    // Read once, before other threads could change the environment.
    if (const char* named = std::getenv("INGLENOOK_CUDA_LIBRARY"); named != nullptr)
        return named;
    const std::filesystem::path program =
        std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    for (const std::filesystem::path& candidate :
         {program / kFileName, program / "../lib/inglenook" / kFileName})
        if (std::filesystem::exists(candidate, ignored))
            return candidate;
    return {};
}

Status unusable(int device, std::string reason) {
    return Status(Code::DeviceUnavailable,
                  {{"device", "CUDA " + std::to_string(device)}, {"reason", std::move(reason)}});
}

/// Opens the library; `device` is for the sentence.
Result<const CudaFactory*> openLibrary(int device) {
    const std::filesystem::path file = findLibrary();
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored))
        return Status(Code::CudaMissing,
                      {{"device", "CUDA " + std::to_string(device)},
                       {"reason", PHRASE("Status", "this installation has no CUDA library")}});
    // Never unloaded: executors may live until the program ends.
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == nullptr) {
        const char* reason = dlerror();
        return unusable(device,
                        reason != nullptr ? reason : PHRASE("Status", "its library does not open"));
    }
    const auto function = reinterpret_cast<CudaFactoryFunction>(dlsym(library, kCudaFactorySymbol));
    const CudaFactory* factory = function != nullptr ? function(kCudaAbi) : nullptr;
    if (factory == nullptr || factory->abi != kCudaAbi)
        return unusable(device,
                        PHRASE("Status", "its library belongs to another version of Inglenook"));
    return factory;
}

} // namespace

bool cudaLibraryExists() {
    std::error_code ignored;
    return std::filesystem::exists(findLibrary(), ignored);
}

Result<std::unique_ptr<Executor>> makeCudaExecutor(int device) {
    const Result<const CudaFactory*> factory = openLibrary(device);
    return factory.ok() ? (*factory)->make(device) : factory.status();
}

Result<std::unique_ptr<Executor>> makeCudaExecutor(std::span<const CudaShare> devices,
                                                   SplitMode split) {
    const Result<const CudaFactory*> factory = openLibrary(devices.front().device);
    if (!factory.ok())
        return factory.status();
    return devices.size() == 1 ? (*factory)->make(devices.front().device)
                               : (*factory)->makeGroup(devices, split);
}

} // namespace engine
