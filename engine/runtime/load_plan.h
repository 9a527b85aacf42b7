#pragma once
// The plan of a load: which executors hold a model, with how long a context, how many pages and how
// many rows a step, so that it fits.

#include "engine/device/make_executor.h"
#include "engine/model/opened_model.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/replicas.h"

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

/// The executor plan of a load: the context asked for (0 = the model's, at most kDefaultContext and
/// what fits), and pages: one full conversation, and for the further slots, if not asked by number,
/// up to half of the memory that is left. What `released` holds on a device counts as free there:
/// models that go before the load.
constexpr std::uint32_t kDefaultContext = 32'768;
Result<ExecutorPlan> planModel(const OpenedModel& model, const Executor& executor,
                               const LoadRequest& request, MemoryPlan& memory,
                               const MemoryPlan& released = {});
/// An executor, or one for each replica: not planned yet.
Result<std::vector<LoadedPart>> makeParts(const std::string& device, SplitMode split,
                                          const ExecutorMaker& make);
/// The device that it is, "CUDA 0+1 · 2 x NVIDIA H200 · replicas" where they are several.
std::string nameOfParts(const std::vector<LoadedPart>& parts);
/// Plans every part. Replicas divide what was asked for by number, and have the same context: a
/// request may move from one to another.
Status planParts(const OpenedModel& model, const LoadRequest& request,
                 std::vector<LoadedPart>& parts, const MemoryPlan& released = {});
/// For a device that had less than it said: half of the further pages and of a step's rows; where
/// neither is left, half of a context that nobody asked for by number.
ExecutorPlan smallerPlan(const LoadRequest& request, ExecutorPlan plan);

} // namespace engine
