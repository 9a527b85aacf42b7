#pragma once
// What an executor reports about its fused stages: times (bench --stages) and errors against slow
// twins (bench --check). Part of the executor contract.
//
// Names of the stages, in the order of a step; a device that fuses two of them reports the first
// name with the work of both, and may add stages of its own (all_reduce). A GPU finishes queries
// and keys where it attends: its qkv are norm and products, its attention all up to the output.
//   embed      token ids to the residual stream
//   qkv        norm, Q K V projections, biases, Q and K norms, RoPE
//   kv_append  new keys and values into their pages
//   attention  over the pages
//   attn_out   output projection, added to the residual stream
//   gate_up    norm, gate and up projections, SwiGLU
//   down       down projection, added to the residual stream
//   head       norm and logits
//   sample     filters, penalties and the choice

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace engine {

/// One stage of all steps since Executor::timeStages(true), summed over layers and steps.
struct StageTiming {
    std::string name;
    std::int64_t time_ns = 0;
    std::uint64_t bytes = 0;      ///< weights, scales and KV that it read
    std::uint64_t operations = 0; ///< of matrix products; a multiplication with its addition is 2
};

/// What one run of a stage reads and computes.
struct StageCost {
    std::uint64_t bytes = 0;      // weights, scales and KV
    std::uint64_t operations = 0; // of matrix products and attention
};

/// What no stage computes faster than [1e12 operations/s], measured; 0 = not known.
struct ComputeLimits {
    double products = 0;  ///< of matrix products, with the activations that the executor has
    double attention = 0; ///< which computes in floats whatever they are
};

/// The worst of one stage over the checked layers and rows.
struct StageError {
    std::string name;
    double relError = 0; ///< ||fast - slow|| / ||slow|| of a row's output; not finite = broken
    double limit = 1e-3; ///< 1e-3 before output rounding, 2e-3 when the output is rounded to bf16
};

/// Of two checks the worst of every stage, in the order in which `worst` got to know them.
void mergeWorst(std::vector<StageError>& worst, std::span<const StageError> errors);

} // namespace engine
