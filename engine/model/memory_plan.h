#pragma once
// MemoryPlan: the exact bytes a model will take before anything is allocated, per device.

#include "engine/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

/// Bytes on one device (or in host memory for the CPU).
struct DeviceMemory {
    std::string device; // "CPU", "CUDA 0"
    std::uint64_t weights_bytes = 0;
    std::uint64_t kv_bytes = 0;
    std::uint64_t workspace_bytes = 0; // activations, logits, RoPE tables, sampler state
    std::uint64_t context_bytes = 0;   // what the driver takes before us (GPU)
    std::uint64_t free_bytes = 0;      // free when planned

    std::uint64_t total() const {
        return weights_bytes + kv_bytes + workspace_bytes + context_bytes;
    }
};

struct MemoryPlan {
    std::vector<DeviceMemory> devices;
    std::vector<std::string> notes; // e.g. a growth: "Q5_K becomes int8: 1.3 GB more than the file"
    bool byLayers = false; // each device holds a stretch of the layers: one embedding in all
    bool fits() const;
};

/// Fails with OutOfMemory, figures and the ways out when a plan does not fit.
Status checkFits(const MemoryPlan& plan);
/// Host memory the kernel says is available (MemAvailable), cgroup limit respected. 0 = unknown.
std::uint64_t availableHostMemory();
/// "1.53 GB" (decimal units, three figures).
std::string formatBytes(std::uint64_t bytes);

} // namespace engine
