#pragma once
// Times of steps that answers and prompts share, for inglenook_cuda_check.

#include "engine/model/opened_model.h"
#include "engine/runtime/evaluate.h"

#include <string>
#include <vector>

namespace mixed_steps {

/// "ANSWERSxCONTEXT+PROMPTSxROWS" or "...@START": so many answers of one row each behind CONTEXT
/// tokens, and so many prompts with ROWS rows each from position START on (0).
struct MixedShape {
    std::uint32_t answers = 0;
    std::uint32_t context = 0;
    std::uint32_t prompts = 0;
    std::uint32_t rows = 0;
    std::uint32_t start = 0;
};
bool parseMixedShape(const std::string& words, MixedShape& shape);

/// Prints a line a shape: milliseconds of a step, two of them under way as in the engine, and of
/// its stages, which are timed one by one. With `check` the stages' errors against their slow twins
/// too. False when a step fails or an error exceeds its limit.
bool measureMixedSteps(const engine::OpenedModel& model, const engine::NumberFormats& formats,
                       const engine::ExecutorFactory& factory,
                       const std::vector<MixedShape>& shapes, bool check);

} // namespace mixed_steps
