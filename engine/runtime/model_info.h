#pragma once
// ModelInfo: what the upper floors may know of a loaded model. Immutable, shared.

#include "engine/device/sampler_spec.h"
#include "engine/model/memory_plan.h"
#include "engine/model/opened_model.h"
#include "engine/model/weight_options.h"
#include "engine/runtime/activation_choice.h"
#include "engine/runtime/split_choice.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>

namespace engine {

struct ModelInfo {
    std::string key;  ///< identifies the resident model
    std::string name; ///< "DeepSeek-R1-Distill-Qwen-7B"
    std::filesystem::path path;
    std::string format;   ///< "GGUF v3", "safetensors"
    std::string fileType; ///< "Q8_0", "BF16"
    std::uint64_t fileBytes = 0;
    std::string contentHash;
    ModelConfig config;
    NumberFormats formats;             ///< resolved
    ActivationChoice activationChoice; ///< how `--acts auto` was decided
    SplitChoice split;                 ///< whether several GPUs that share it are worth it
    std::string device;                ///< Executor::deviceName()
    std::uint32_t context = 0;         ///< tokens available
    std::uint32_t slotCount = 1;
    MemoryPlan memory;
    PublishedSampling sampling;
    bool isReasoner = false; ///< its template opens or mentions <think>
    std::int64_t load_ms = 0;
    std::shared_ptr<const Tokenizer> tokenizer; ///< may be null: a model without one takes no text
    std::shared_ptr<const ChatTemplate> chatTemplate;
};

/// Published or DeepSeek's defaults for a model (temperature 0.6, top-p 0.95 for R1), else ours.
SamplerSpec defaultSampler(const ModelInfo& model);

} // namespace engine
